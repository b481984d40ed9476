"""The reference study on real photos, as the report of another study shows it.

results/flickr8k comes with the project, so that a first report, of drawn scenes and a few minutes,
has real photos in it. All of its numbers are read from its own files. What is missing or broken
there is said in a line, and never keeps the other report from being built.
"""

from pathlib import Path

from lib.report import findings, html_page, results, verdicts

STUDY = "flickr8k"
CAPTION = "Photos of the reference study: grey, truth, and each model’s answer."


def beside(folder):
    """What the report of results/<study> shows of the reference study that lies beside it.

    Returns None if there is no reference study, or if the report is its own. Else a dict: name;
    problem: what is wrong in one line, or "" and what report.html.j2 shows.
    """
    place = Path(folder).resolve().parent / STUDY
    if place == Path(folder).resolve() or not (place / "summary.csv").is_file():
        return None
    try:
        return {"name": STUDY, "problem": "", **_section(place)}
    except Exception as error:  # whatever its files hold: the other study's report is to be built
        words = f"{type(error).__name__}: {error}".replace(str(place), f"results/{STUDY}")
        return {"name": STUDY, "problem": words.splitlines()[0]}


def _section(place):
    """What the template shows of a reference study that is there."""
    study = results.read(place)
    shown = [measure for measure in verdicts.CHIEF if measure in study.table]
    grid = html_page.pictures(place / "figures").get("fig6_grid")
    return {
        "facts": _facts(study),
        "headline": findings.headline(study),
        "answer": findings.answer(study),
        "warnings": findings.warnings(study),
        "columns": [(measure, *verdicts.MEASURES[measure]) for measure in shown],
        "rows": verdicts.marked_rows(study.table, shown),
        "pictures": [(grid, CAPTION)] if grid else [],
        "command": results.commands(study.run, STUDY)[0] if study.run else "",
    }


def _facts(study):
    """Sentences: photos and time; only what is recorded."""
    found = [f"It was evaluated on {results.tested_on(study)}."]
    if study.run.get("seconds"):
        minutes = f"{study.run['seconds'] / 60:,.0f} minutes"
        found.append(f"All of it took {minutes} on {study.device or 'an unknown device'}.")
    return found
