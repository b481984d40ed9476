"""What the numbers of a study say, in sentences, whichever way they fall.

`study` is a `results.Study`; `rows` are of `verdicts.compare`, which decides what counts as a
difference.
"""

import collections

from lib.figures.color_charts import SIMPLE, best_simple
from lib.figures.style import NETWORKS, label
from lib.report.number_format import interval, listed, number
from lib.report.verdicts import VERDICTS, compare, measured, truth

ASPECTS = {  # what measures are about: (measures, words if better, words if worse)
    "the distance from the true colours": (
        ("rmse_ab", "rmse_rgb", "psnr", "ssim", "delta_e_2000", "auc"),
        "nearer to the true colours",
        "further from the true colours",
    ),
    "rare colours": (("auc_rebalanced",), "better at rare colours", "worse at rare colours"),
    "how colourful it is": (
        ("colorfulness", "colorfulness_ratio"),
        "truer in how colourful it is",
        "less true in how colourful it is",
    ),
    "the likeness to real photos as a whole": (
        ("kid",),
        "more like real photos as a whole",
        "less like real photos as a whole",
    ),
}
FEW = 50  # test photos, below which numbers only show that a study runs
NOTEBOOKS = {  # trained model: the notebook that trains it
    "cnn": "03",
    "autoencoder": "04",
    "xception": "05",
    "xception_skips": "05",
    "generator": "06",
    "gan": "06",
}


def headline(study):
    """The answer in a few words, by the paper's measure."""
    found = {row.verdict for row in compare(study) if row.measure in ("rmse_ab", "rmse_rgb")}
    if len(found) > 1:
        return "By the paper’s own measure, RMSE, it depends on the colour space."
    return {
        "better": "Yes, by the paper’s own measure, RMSE.",
        "worse": "No, not by the paper’s own measure, RMSE.",
        "open": "By the paper’s own measure, RMSE, these photos show no difference.",
    }.get("".join(found), "This study cannot say.")


def answer(study):
    """The answer to the paper's question, a list of texts: what it comes to, the claim, details."""
    rows = compare(study)
    if not rows:
        lacking = [label(model) for model in ("cnn", "gan") if model not in study.table.index]
        return [f"This study cannot answer: its table has no row for {listed(lacking)}."]
    photos = f"On {study.photos:,} test photos, " if study.photos else ""
    return [lead(rows, "NoGAN", "the CNN"), claim(rows), f"{photos}NoGAN is {by_measure(rows)}"]


def lead(rows, name, other):
    """What a comparison of two rows comes to, in words of everyday."""
    said = collections.defaultdict(list)
    for noun, (names, better, worse) in ASPECTS.items():
        found = [row.verdict for row in rows if row.measure in names]
        kinds = set(found) - {"open"}
        if len(kinds) == 2:
            said["both"].append(noun)
        elif kinds:
            (kind,) = kinds
            count = found.count(kind)
            part = f" (by {count} of {len(found)} measures)" if count < len(found) else ""
            said[kind].append(f"{better if kind == 'better' else worse}{part}")
        elif found:
            said["open"].append(noun)
    sides = [listed(said[kind]) for kind in ("better", "worse") if said[kind]]
    sentences = [f"Compared with {other}, {name} is {', but '.join(sides)}."] if sides else []
    if said["both"]:
        sentences.append(f"The measures of {listed(said['both'])} disagree.")
    if said["open"]:
        sentences.append(f"These photos show no difference in {listed(said['open'])}.")
    return " ".join(sentences)


def claim(rows):
    """Whether the paper's claim, a lower RMSE, holds."""
    rmse = next((row for row in rows if row.measure == "rmse_ab"), None)
    if rmse is None:
        return "The table has no RMSE of ab, so the paper’s claim cannot be judged."
    words = {"better": "holds here", "worse": "does not hold here", "open": "is not confirmed here"}
    return (
        f"The paper’s claim, that the GAN has the lower error, {words[rmse.verdict]}: {rmse.label} "
        f"is {rmse.model} against {rmse.reference} {rmse.unit} (difference {rmse.difference})."
    )


def by_measure(rows):
    """Every measure of a comparison on its side, in one sentence."""
    names = {verdict: [row.label for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    parts = [f"{word} by {listed(names[word])}" for word in ("better", "worse") if names[word]]
    if names["open"]:
        parts.append(f"not different, as far as these photos can show, by {listed(names['open'])}")
    return f"{'; '.join(parts)}."


def warnings(study):
    """What a reader must know before the numbers; the same words of several networks once."""
    same, data = collections.defaultdict(list), study.data.get("fingerprint")
    for name, params in study.params.items():
        texts = list(params.get("warnings") or [])
        if data and params.get("data", data) != data:
            texts.append("trained on other photos than those that data.json names.")
        for text in texts:
            same[text].append(label(name))
    found = [f"{listed(names)}: {text}" for text, names in same.items()]
    found += study.facts.get("warnings") or []
    if study.metrics is None:
        words = "a difference that summary.json has not is judged by the means’ intervals"
        found.append(f"metrics.csv is missing: {words}.")
    elif study.photos < FEW:
        found.append(
            f"Only {study.photos} test photos: the numbers show that the study runs, no more."
        )
    if (study.run.get("git") or {}).get("dirty"):
        found.append("The code differed from its commit when the study was run.")
    for name, notebook in NOTEBOOKS.items():
        if name not in study.table.index:
            words = f"notebook {notebook} has not been run, or its model was not evaluated"
            found.append(f"{label(name)} is not in this study: {words}.")
    return found


def observations(study):
    """What else the numbers show: a list of sentences."""
    table, seen = study.table, []
    networks = [row for row in NETWORKS if row in table.index]
    if "rmse_ab" in table:
        seen += _against_baselines(study, networks)
        if networks:
            seen += _against_oracle(table, networks) + _against_hints(table, networks)
            seen += _color(table, networks) if truth(table) else []
    rows = {row.measure: row for row in compare(study, "gan", "generator")}
    if {"rmse_ab", "colorfulness"} <= set(rows):
        rmse, color = rows["rmse_ab"], rows["colorfulness"]
        seen.append(
            f"The adversarial phase changed the generator’s RMSE of ab by {rmse.difference} "
            f"({VERDICTS[rmse.verdict]}) and its colorfulness by {color.difference} "
            f"({VERDICTS[color.verdict]})."
        )
    if study.joint is not None:
        seen += _saturated(study.joint)
    if study.colors is not None:
        for model in ("cnn", "gan"):
            seen += _by_color(study.colors, model) if model in set(study.colors["model"]) else []
    if "psnr" in table and "gray" in table.index:
        seen.append(
            f"A photo without any colour scores {number(table.loc['gray', 'psnr'], 1)} dB of PSNR, "
            "since every output keeps the true lightness: small differences of PSNR and SSIM say "
            "little about colour."
        )
    for model, history in study.histories.items():
        best = int(history["val_loss"].argmin()) if "val_loss" in history else len(history) - 1
        if best + 1 < 0.7 * len(history):
            seen.append(
                f"{label(model)}: the validation loss was lowest at epoch {best + 1} of "
                f"{len(history)}; what it learnt later did not carry over to other photos."
            )
    return seen


def _against_baselines(study, networks):
    table = study.table
    there = [row for row in SIMPLE if row in table.index]
    if not there or not networks:
        return ["The table has no baselines, or no networks: the errors cannot be judged."]
    simple = table.loc[there, "rmse_ab"].idxmin()
    groups = {"beaten": [], "not clearly beaten": [], "not even reached": []}
    for model in networks:
        difference, sure, _ = measured(study, "rmse_ab", model, simple)
        far = "beaten" if difference < 0 else "not even reached"
        groups[far if sure else "not clearly beaten"].append(label(model))
    words = f"{label(simple).lower()}, {interval(table, simple, 'rmse_ab')}"
    parts = [
        f"{verdict} by {listed(names) if len(names) < len(networks) else 'every network'}"
        for verdict, names in groups.items()
        if names
    ]
    return [f"By RMSE of ab, the best simple baseline ({words}) is {'; '.join(parts)}."]


def _have_less(errors, networks, row):
    """Which networks have less error than a row, in words; "" if none has."""
    less = [label(name) for name in networks if errors[name] < errors[row]]
    return f"{listed(less)} {'has' if len(less) == 1 else 'have'} less" if less else ""


def _against_oracle(table, networks):
    if not {"oracle_mean", "oracle_sample"} <= set(table.index):
        return []
    errors = table["rmse_ab"]
    nearest = errors[networks].idxmin()
    above = 100 * (errors[nearest] / errors["oracle_mean"] - 1)
    side = "above" if above > 0 else "below"
    less = _have_less(errors, networks, "oracle_sample")
    end = f"{less}. RMSE rewards caution." if less else "no network has less."
    texts = [interval(table, row, "rmse_ab") for row in ("oracle_mean", "oracle_sample")]
    return [
        f"The mean of all possible colours has an RMSE of ab of {texts[0]}, about the least that "
        f"any model can have. The nearest network, {label(nearest)}, is "
        f"{number(abs(above), 0)}\u00a0% {side} it.",
        f"Another true colouring, as good as the photo itself, has an RMSE of {texts[1]}: {end}",
    ]


def _against_hints(table, networks):
    if "levin" not in table.index:
        return []
    less = _have_less(table["rmse_ab"], networks, "levin") or "no network has less"
    return [
        "Levin et al.’s method, which is given the true colours of a few pixels, has an RMSE of "
        f"ab of {interval(table, 'levin', 'rmse_ab')}; {less} without a hint."
    ]


def _color(table, networks):
    shares = (100 * table.loc[networks, "colorfulness"] / truth(table)).to_dict()
    words = [f"{label(row)} {share:.0f}\u00a0%" for row, share in shares.items()]
    exact = table.loc[networks, "rmse_ab"].idxmin()
    vivid = min(networks, key=lambda row: abs(shares[row] - 100))
    agree = f"{label(exact)} has the least RMSE of ab among the networks"
    if exact == vivid:
        agree += ", and is nearest to the truth in colorfulness, too."
    else:
        agree += f", but {label(vivid)} is nearest to the truth in colorfulness."
    return [f"Colorfulness, as a share of the true photos’: {listed(words)}.", agree]


def _saturated(joint):
    """What of NoGAN's colour is not the critic's work."""
    kept = joint[joint["chosen"]]
    factor = kept.get("saturation", kept["chosen"].astype(float))
    if not (factor > 1).any():
        return []
    ratios = joint.colorfulness_ratio.iloc[0], kept.colorfulness_ratio.item()
    before, after = (f"{100 * ratio:.0f}\u00a0%" for ratio in ratios)
    return [
        "On validation photos, adversarial training brought the generator’s colorfulness from "
        f"{before} to {after} of the truth’s. What NoGAN has beyond that, no critic taught it: its "
        f"ab is multiplied by {factor.item():.2f} in the end (GAN_SATURATE)."
    ]


def _by_color(colors, model):
    """At which true colours a model has less error than the best simple baseline, and more."""
    simple = best_simple(colors)
    if simple is None:
        return []
    table = colors.dropna(subset=["rmse_ab_low"]).set_index("color")
    network, baseline = (table[table["model"] == name] for name in (model, simple))
    baseline = baseline.loc[network.index]
    less = network.index[network["rmse_ab_high"] < baseline["rmse_ab_low"]]
    more = network.index[network["rmse_ab_low"] > baseline["rmse_ab_high"]]
    sides = {"less error": less, "more error": more}
    parts = [f"{words} at {listed([*hues])}" for words, hues in sides.items() if len(hues)]
    if not parts:
        parts = ["an error that differs at no colour by more than the intervals"]
    elif len(less) + len(more) < len(network):
        parts[-1] += "; at the others the intervals overlap"
    return [
        f"By the true colour of a pixel, {label(model)} has, against the best simple baseline "
        f"({label(simple).lower()}), {' and '.join(parts)}."
    ]
