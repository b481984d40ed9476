"""What the numbers of a study say, in sentences: tables in, words out, whichever way they fall.

`summary` and `metrics` as for `lib.verdicts`, which decides what counts as a difference.
"""

from lib.figures.style import NETWORKS, label
from lib.report.cells import SIMPLE, best_simple, indexed, interval, listed, number, truth
from lib.report.verdicts import VERDICTS, compare, measured

ASPECTS = [  # what measures are about: (measures, words if better, words if worse, noun)
    (
        ("rmse_ab", "rmse_rgb", "psnr", "ssim", "delta_e_2000", "auc"),
        *("nearer to the true colours", "further from the true colours"),
        "the distance from the true colours",
    ),
    (("auc_rebalanced",), "better at rare colours", "worse at rare colours", "rare colours"),
    (
        ("colorfulness", "colorfulness_ratio"),
        *("truer in how colourful it is", "less true in how colourful it is"),
        "how colourful it is",
    ),
    (
        ("kid",),
        *("more like real photos as a whole", "less like real photos as a whole"),
        "the likeness to real photos as a whole",
    ),
]


def answer(summary, metrics, model="gan", reference="cnn"):
    """The answer to the paper's question, a list of texts: what it comes to, the claim, details."""
    rows = compare(summary, metrics, model, reference)
    if not rows:
        there = indexed(summary).index
        lacking = " and ".join(f"{label(m)}" for m in (reference, model) if m not in there)
        return [f"This study cannot answer: its table has no row for {lacking}."]
    photos = f"On {metrics['photo'].nunique():,} test photos, " if metrics is not None else ""
    details = f"{photos}{label(model)} is {by_measure(rows)}"
    return [lead(rows, model, reference), claim(rows), details]


def lead(rows, model="gan", reference="cnn"):
    """What a comparison comes to, in words of everyday; `rows` of `compare`, at least one."""
    good, bad, none, both, unclear = [], [], [], [], []
    for names, better, worse, noun in ASPECTS:
        found = [row.verdict for row in rows if row.measure in names]
        kinds = set(found) - {"open"}
        if {"more", "less"} & kinds:
            unclear.append(noun)
        elif len(kinds) == 2:
            both.append(noun)
        elif kinds:
            (kind,) = kinds
            count = found.count(kind)
            part = f" (by {count} of {len(found)} measures)" if count < len(found) else ""
            if kind == "better":
                good.append(f"{better}{part}")
            else:
                bad.append(f"{worse}{part}")
        elif found:
            none.append(noun)
    name, other = label(model), ("the " if reference == "cnn" else "") + label(reference)
    sides = ", but ".join(listed(side) for side in (good, bad) if side)
    sentences = [f"Compared with {other}, {name} is {sides}."] if sides else []
    if both:
        sentences.append(f"The measures of {listed(both)} disagree.")
    if none:
        sentences.append(f"These photos show no difference in {listed(none)}.")
    if unclear:
        sentences.append(f"It differs in {listed(unclear)}; which is truer is not known here.")
    return " ".join(sentences)


def claim(rows):
    """Whether the paper's claim, a lower RMSE, holds; `rows` of `compare`."""
    rmse = next((row for row in rows if row.measure == "rmse_ab"), None)
    if rmse is None:
        return "The table has no RMSE of ab, so the paper’s claim cannot be judged."
    words = {
        "better": "holds here",
        "worse": "does not hold here",
        "open": "is not confirmed here",
    }[rmse.verdict]
    unit = f" {rmse.unit}" if rmse.unit else ""
    return (
        f"The paper’s claim, that the GAN has the lower error, {words}: {rmse.label} is "
        f"{rmse.model} against {rmse.reference}{unit} (difference {rmse.difference})."
    )


def by_measure(rows):
    """Every measure of a comparison on its side, in one sentence."""
    names = {verdict: [row.label for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    parts = [f"{word} by {listed(names[word])}" for word in ("better", "worse") if names[word]]
    if names["open"]:
        parts.append(f"not different, as far as these photos can show, by {listed(names['open'])}")
    if names["more"] + names["less"]:
        parts.append(f"different by {listed(names['more'] + names['less'])}")
    return f"{'; '.join(parts)}."


def headline(summary, metrics):
    """The answer in a few words, by the paper's measure."""
    rows = {row.measure: row.verdict for row in compare(summary, metrics)}
    verdicts = {rows[measure] for measure in ("rmse_ab", "rmse_rgb") if measure in rows}
    if len(verdicts) > 1:
        return "By the paper’s own measure, RMSE, it depends on the colour space."
    return {
        "better": "Yes, by the paper’s own measure, RMSE.",
        "worse": "No, not by the paper’s own measure, RMSE.",
        "open": "By the paper’s own measure, RMSE, these photos show no difference.",
    }.get("".join(verdicts), "This study cannot say.")


def observations(summary, metrics, histories, colors=None, joint=None):
    """What else the numbers show: a list of sentences.

    `colors` is of `evaluate.error_by_color`, `joint` of `nogan.adversarial`.
    """
    table = indexed(summary)
    seen = []
    if "rmse_ab" in table:
        seen += _against_baselines(table, metrics) + _against_oracle(table) + _against_hints(table)
    if {"rmse_ab", "colorfulness"} <= set(table):
        seen += _color(table)
    rows = {row.measure: row for row in compare(summary, metrics, "gan", "generator")}
    if {"rmse_ab", "colorfulness"} <= set(rows):
        rmse, color = rows["rmse_ab"], rows["colorfulness"]
        seen.append(
            f"The adversarial phase changed the generator’s RMSE of ab by {rmse.difference} "
            f"({VERDICTS[rmse.verdict]}) and its colorfulness by {color.difference} "
            f"({VERDICTS[color.verdict]})."
        )
    if joint is not None:
        seen += _saturated(joint)
    if colors is not None:
        for model in ("cnn", "gan"):
            seen += _by_color(colors, model) if model in set(colors["model"]) else []
    if "psnr" in table and "gray" in table.index:
        seen.append(
            f"A photo without any colour scores {number(table.loc['gray', 'psnr'], 1)} dB of PSNR, "
            "since every output keeps the true lightness: small differences of PSNR and SSIM say "
            "little about colour."
        )
    for model, history in histories.items():
        best = int(history["val_loss"].argmin()) if "val_loss" in history else len(history) - 1
        if best + 1 < 0.7 * len(history):
            seen.append(
                f"{label(model)}: the validation loss was lowest at epoch {best + 1} of "
                f"{len(history)}; what it learnt later did not carry over to other photos."
            )
    return seen


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


def _against_baselines(table, metrics):
    there = [row for row in SIMPLE if row in table.index]
    networks = [row for row in NETWORKS if row in table.index]
    if not there or not networks:
        return ["The table has no baselines, or no networks: the errors cannot be judged."]
    simple = table.loc[there, "rmse_ab"].idxmin()
    groups = {"beaten": [], "not clearly beaten": [], "not even reached": []}
    for model in networks:
        difference, sure, _ = measured(table, metrics, "rmse_ab", model, simple)
        far = "beaten" if difference < 0 else "not even reached"
        groups[far if sure else "not clearly beaten"].append(label(model))
    words = f"{label(simple).lower()}, {interval(table, simple, 'rmse_ab')}"
    parts = [
        f"{verdict} by {listed(names) if len(names) < len(networks) else 'every network'}"
        for verdict, names in groups.items()
        if names
    ]
    return [f"By RMSE of ab, the best simple baseline ({words}) is {'; '.join(parts)}."]


def _against_oracle(table):
    there = [row for row in NETWORKS if row in table.index]
    if not there or not {"oracle_mean", "oracle_sample"} <= set(table.index):
        return []
    errors = table["rmse_ab"]
    nearest = errors[there].idxmin()
    above = 100 * (errors[nearest] / errors["oracle_mean"] - 1)
    side = "above" if above > 0 else "below"
    lower = [label(row) for row in there if errors[row] < errors["oracle_sample"]]
    texts = [interval(table, row, "rmse_ab") for row in ("oracle_mean", "oracle_sample")]
    verb = "has" if len(lower) == 1 else "have"
    end = f"{listed(lower)} {verb} less. RMSE rewards caution." if lower else "no network has less."
    return [
        f"The mean of all possible colours has an RMSE of ab of {texts[0]}, about the least that "
        f"any model can have. The nearest network, {label(nearest)}, is "
        f"{number(abs(above), 0)}\u00a0% {side} it.",
        f"Another true colouring, as good as the photo itself, has an RMSE of {texts[1]}: {end}",
    ]


def _against_hints(table):
    there = [row for row in NETWORKS if row in table.index]
    if not there or "levin" not in table.index:
        return []
    errors = table["rmse_ab"]
    less = [label(row) for row in there if errors[row] < errors["levin"]]
    who = f"{listed(less)} {'has' if len(less) == 1 else 'have'}" if less else "no network has"
    return [
        "Levin et al.’s method, which is given the true colours of a few pixels, has an RMSE of "
        f"ab of {interval(table, 'levin', 'rmse_ab')}; {who} less without a hint."
    ]


def _color(table):
    there = [row for row in NETWORKS if row in table.index]
    reference = truth(table)
    if not there or not reference:
        return []
    shares = {row: 100 * table.loc[row, "colorfulness"] / reference for row in there}
    words = [f"{label(row)} {share:.0f}\u00a0%" for row, share in shares.items()]
    exact = table.loc[there, "rmse_ab"].idxmin()
    vivid = min(there, key=lambda row: abs(shares[row] - 100))
    agree = f"{label(exact)} has the least RMSE of ab among the networks"
    if exact == vivid:
        agree += ", and is nearest to the truth in colorfulness, too."
    else:
        agree += f", but {label(vivid)} is nearest to the truth in colorfulness."
    return [f"Colorfulness, as a share of the true photos’: {listed(words)}.", agree]


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
