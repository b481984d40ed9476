"""The paper, statement by statement: the rows of fidelity.yaml with what a study got."""

import collections
from pathlib import Path

import yaml

from lib.report.verdicts import VERDICTS

TABLE = Path(__file__).with_name("fidelity.yaml")
SAME = {  # mark and words
    "yes": ("✓", "same"),
    "no": ("≠", "not the same"),
    "partly": ("≈", "partly"),
    "open": ("?", "left open there"),
    "added": ("+", "added here"),
    "absent": ("–", "not in this study"),
}
UNKNOWN = "(not recorded)"


def compare(study, differences):
    """What a study got of each statement, and whether that is the same.

    Parameters
    ----------
    study : results.Study
    differences : list of verdicts.Comparison
        NoGAN against the CNN.

    Returns
    -------
    list of dict
        Of section, paper, where, got, same (a key of `SAME`), mark and words.
    """
    parameters, rows = study.run.get("parameters") or {}, []
    verdicts = {row.measure: row for row in differences}
    values = _values(study, parameters)
    for entry in yaml.safe_load(TABLE.read_text("utf-8")):
        needs, row = entry.get("needs", []), verdicts.get(entry.get("verdict"))
        same = entry.get("same", "no")
        if "when" in entry and all(parameters.get(k) in v for k, v in entry["when"].items()):
            same = "yes"
        if row:
            values["difference"] = f"{row.difference} {row.unit}, {VERDICTS[row.verdict]}"
            same = "yes" if row.verdict == "better" else "no"
        got = entry["got"].format_map(values)
        if study.params.get(entry.get("pretrained"), {}).get("warnings"):
            same, got = ("no" if same == "yes" else same), f"{got} (see the warnings above)"
        if not set(needs) <= set(study.table.index):
            same, got = "absent", ""
        mark, words = SAME[same]
        rows.append({**entry, "got": got, "same": same, "mark": mark, "words": words})
    return rows


def _values(study, parameters):
    """What the braces of fidelity.yaml stand for in this study."""
    values = collections.defaultdict(lambda: UNKNOWN)
    counts = study.data.get("counts") or {}
    values |= {k: f"{v:,}" for k, v in counts.items() if isinstance(v, int)}
    values |= {k: v for k, v in parameters.items() if v is not None}
    values |= {k: v for k, v in (study.run.get("versions") or {}).items() if v}
    values["device"] = study.device or UNKNOWN
    values["cnn_epochs"] = len(study.histories.get("cnn", ())) or UNKNOWN
    tolerance, saturate = parameters.get("GAN_TOLERANCE", 0.10), parameters.get("GAN_SATURATE")
    joint = tolerance / 2 if saturate else tolerance  # the other half is for the factor of ab
    values["joint_cost"] = f"{100 * joint:g}\u00a0%"
    saturated = f"; then ab is multiplied by a factor, up to {100 * tolerance:g}\u00a0%"
    values["saturated"] = saturated if saturate else ""
    return values
