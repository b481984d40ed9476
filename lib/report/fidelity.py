"""The paper, statement by statement: the rows of fidelity.yaml with what a study got."""

import collections
from pathlib import Path

import yaml

spendable = None
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
    study : dict
        Of `results.read`.
    differences : list of verdicts.Comparison
        NoGAN against the CNN.

    Returns
    -------
    list of dict
        Of section, paper, where, got, same (a key of `SAME`), mark and words.
    """
    parameters, rows = study["run"].get("parameters") or {}, []
    verdicts = {row.measure: row for row in differences}
    values = _values(study)
    for entry in yaml.safe_load(TABLE.read_text("utf-8")):
        needs, row = entry.get("needs", []), verdicts.get(entry.get("verdict"))
        same = entry.get("same", "no")
        if "when" in entry and all(parameters.get(k) in v for k, v in entry["when"].items()):
            same = "yes"
        if "verdict" in entry and row:
            values["difference"] = f"{row.difference} {row.unit}, {VERDICTS[row.verdict]}"
            same = "yes" if row.verdict == "better" else "no"
        got = entry["got"].format_map(values)
        if study["params"].get(entry.get("pretrained"), {}).get("warnings"):
            same, got = ("no" if same == "yes" else same), f"{got} (see the warnings above)"
        if any(name not in set(study["summary"]["model"]) for name in needs):
            same, got = "absent", ""
        mark, words = SAME[same]
        rows.append({**entry, "got": got, "same": same, "mark": mark, "words": words})
    return rows


def _joint_phase(parameters):
    """What the rule of NoGAN's last phase was, in words; the defaults are those of notebook 06."""
    tolerance = parameters.get("GAN_TOLERANCE", 0.10)
    saturate = parameters.get("GAN_SATURATE", False)
    joint = spendable({"tolerance": tolerance, "saturate": saturate})
    saturated = f"; then ab is multiplied by a factor, up to {100 * tolerance:g}\u00a0%"
    return {"joint_cost": f"{100 * joint:g}\u00a0%", "saturated": saturated if saturate else ""}


def _values(study):
    """What the braces of fidelity.yaml stand for in this study."""
    run, counts = study["run"], study["data"].get("counts") or {}
    hardware = run.get("hardware") or {}
    values = collections.defaultdict(lambda: UNKNOWN)
    values |= {k: f"{v:,}" for k, v in counts.items() if isinstance(v, int)}
    values |= {k: v for k, v in (run.get("parameters") or {}).items() if v is not None}
    values |= {k: v for k, v in (run.get("versions") or {}).items() if v}
    values["device"] = ", ".join(hardware.get("gpus") or []) or hardware.get("cpu", UNKNOWN)
    values |= _joint_phase(run.get("parameters") or {})
    values["cnn_epochs"] = len(study["histories"].get("cnn", ())) or UNKNOWN
    return values
