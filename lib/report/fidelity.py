"""The paper, statement by statement: the rows of fidelity.yaml with what a study got."""

import collections
from pathlib import Path

import yaml

from lib.report import verdicts

TABLE = Path(__file__).with_name("fidelity.yaml")
SAME = {
    "yes": "✓ same",
    "no": "≠ not the same",
    "partly": "≈ partly",
    "open": "? left open there",
    "added": "+ added here",
    "absent": "– not in this study",
}
UNKNOWN = "(not recorded)"


def compare(study):
    """What a study got of each statement, and whether that is the same.

    Returns a list of dicts: section, paper, where, got, and same, a key of `SAME`.
    """
    parameters, rows = study.run.get("parameters") or {}, []
    differences = {row.measure: row for row in verdicts.compare(study)}
    values = _values(study, parameters)
    for entry in yaml.safe_load(TABLE.read_text("utf-8")):
        same = entry.get("same", "no")
        if "when" in entry and all(parameters.get(k) in v for k, v in entry["when"].items()):
            same = "yes"
        if row := differences.get(entry.get("verdict")):
            values["difference"] = f"{row.difference} {row.unit}, {verdicts.VERDICTS[row.verdict]}"
            same = "yes" if row.verdict == "better" else "no"
        got = entry["got"].format_map(values)
        if study.params.get(entry.get("pretrained"), {}).get("warnings"):
            same, got = ("no" if same == "yes" else same), f"{got} (see the warnings above)"
        if not set(entry.get("needs", [])) <= set(study.table.index):
            same, got = "absent", "–"
        rows.append(entry | {"got": got, "same": same})
    return rows


def _values(study, parameters):
    """What the braces of fidelity.yaml stand for in this study."""
    given = parameters | (study.run.get("versions") or {}) | {"device": study.device}
    given["cnn_epochs"] = len(study.histories.get("cnn", ())) or None
    counts = (study.data.get("counts") or {}).items()
    given |= {name: f"{number:,}" for name, number in counts if isinstance(number, int)}
    found = {name: value for name, value in given.items() if value is not None}
    return collections.defaultdict(lambda: UNKNOWN, found)
