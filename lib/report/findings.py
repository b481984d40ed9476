"""What the numbers of a study say, in sentences, whichever way they fall.

`study` is a `results.Study`; `rows` are of `verdicts.compare`, which decides what counts as a
difference.
"""

import collections

from lib.figures.charts import SIMPLE
from lib.figures.style import label
from lib.models import NETWORKS
from lib.report.number_format import interval, listed, number
from lib.report.verdicts import VERDICTS, compare, paired, truth

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
    """The answer to the paper's question, a list of texts: what it comes to, and the claim."""
    rows = compare(study)
    if not rows:
        return ["This study cannot answer: it has no NoGAN and CNN, measured on the same photos."]
    rmse = next(row for row in rows if row.measure == "rmse_ab")
    words = {"better": "holds here", "worse": "does not hold here", "open": "is not confirmed here"}
    where = f"on {study.photos:,} test photos, " if study.photos else ""
    claim = (
        f"The paper’s claim, that the GAN has the lower error, {words[rmse.verdict]}: {where}"
        f"{rmse.label} is {rmse.model} against {rmse.reference} {rmse.unit} (difference "
        f"{rmse.difference})."
    )
    return [_lead(rows), claim]


def _lead(rows):
    """What the comparison comes to, in words of everyday."""
    said = collections.defaultdict(list)
    for noun, (names, *words) in ASPECTS.items():
        found = [row.verdict for row in rows if row.measure in names]
        kinds = set(found) - {"open"}
        if len(kinds) == 2:
            said["both"].append(noun)
        elif kinds:
            (kind,) = kinds
            count = found.count(kind)
            part = f" (by {count} of {len(found)} measures)" if count < len(found) else ""
            said[kind].append(f"{words[kind == 'worse']}{part}")
        elif found:
            said["open"].append(noun)
    sides = [listed(said[kind]) for kind in ("better", "worse") if said[kind]]
    sentences = [f"Compared with the CNN, NoGAN is {', but '.join(sides)}."] if sides else []
    if said["both"]:
        sentences.append(f"The measures of {listed(said['both'])} disagree.")
    if said["open"]:
        sentences.append(f"These photos show no difference in {listed(said['open'])}.")
    return " ".join(sentences)


def warnings(study):
    """What a reader must know before the numbers; the same words of several networks once."""
    same = collections.defaultdict(list)
    for name, params in study.params.items():
        for text in params.get("warnings") or []:
            same[text].append(label(name))
    found = [f"{listed(names)}: {text}" for text, names in same.items()]
    found += study.facts.get("warnings") or []
    if study.metrics is None:
        found.append("metrics.csv is missing: what summary.json has not cannot be compared.")
    elif study.photos < FEW:
        found.append(f"Only {study.photos} test photos: they show that the study runs, no more.")
    if (study.run.get("git") or {}).get("dirty"):
        found.append("The code differed from its commit when the study was run.")
    for name, network in NETWORKS.items():
        if name not in study.table.index:
            words = f"notebook {network.notebook} has not been run, or its model was not evaluated"
            found.append(f"{network.label} is not in this study: {words}.")
    return found


def observations(study):
    """What else the numbers show: a list of sentences."""
    table, seen = study.table, []
    networks = [row for row in NETWORKS if row in table.index]
    if networks:
        seen += [_against_baselines(study, networks), *_against_oracle(table, networks)]
    if networks and truth(table):
        exact = table.loc[networks, "rmse_ab"].idxmin()
        vivid = (table.loc[networks, "colorfulness"] - truth(table)).abs().idxmin()
        end = "and is nearest to the truth in colorfulness, too"
        if exact != vivid:
            end = f"but {label(vivid)} is nearest to the truth in colorfulness"
        seen.append(f"{label(exact)} has the least RMSE of ab among the networks, {end}.")
    rows = {row.measure: row for row in compare(study, "gan", "generator")}
    if {"rmse_ab", "colorfulness"} <= set(rows):
        rmse, color = rows["rmse_ab"], rows["colorfulness"]
        seen.append(
            f"The adversarial phase changed the generator’s RMSE of ab by {rmse.difference} "
            f"({VERDICTS[rmse.verdict]}) and its colorfulness by {color.difference} "
            f"({VERDICTS[color.verdict]})."
        )
    for model, history in study.histories.items():
        best = int(history["val_loss"].argmin())
        if best + 1 < 0.7 * len(history):
            seen.append(
                f"{label(model)}: the validation loss was lowest at epoch {best + 1} of "
                f"{len(history)}; what it learnt later did not carry over to other photos."
            )
    return seen


def _against_baselines(study, networks):
    """Which networks have less error than the best simple baseline."""
    simple = study.table["rmse_ab"].filter(SIMPLE).idxmin()
    groups = {"beaten": [], "not clearly beaten": [], "not even reached": []}
    for model in networks:
        _, low, high = paired(study, "rmse_ab", model, simple) or (0, 0, 0)
        verdict = "beaten" if high < 0 else "not even reached" if low > 0 else "not clearly beaten"
        groups[verdict].append(label(model))
    parts = [
        f"{verdict} by {listed(names) if len(names) < len(networks) else 'every network'}"
        for verdict, names in groups.items()
        if names
    ]
    words = f"{label(simple).lower()}, {interval(study.table, simple, 'rmse_ab')}"
    return f"By RMSE of ab, the best simple baseline ({words}) is {'; '.join(parts)}."


def _against_oracle(table, networks):
    """How near the networks come to the best possible answer, where it is known."""
    if not {"oracle_mean", "oracle_sample"} <= set(table.index):
        return []
    errors = table["rmse_ab"]
    nearest = errors[networks].idxmin()
    above = 100 * (errors[nearest] / errors["oracle_mean"] - 1)
    less = [label(name) for name in networks if errors[name] < errors["oracle_sample"]]
    end = f"more than {listed(less)}. RMSE rewards caution." if less else "no network has less."
    texts = [interval(table, row, "rmse_ab") for row in ("oracle_mean", "oracle_sample")]
    return [
        f"The mean of all possible colours has an RMSE of ab of {texts[0]}, about the least that "
        f"any model can have. The nearest network, {label(nearest)}, is "
        f"{number(abs(above), 0)}\u00a0% {'above' if above > 0 else 'below'} it.",
        f"Another true colouring, as good as the photo itself, has an RMSE of {texts[1]}: {end}",
    ]
