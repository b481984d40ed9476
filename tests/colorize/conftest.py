"""A project with trained networks, and the command line run in it."""

import os

import pytest

from lib import models
from lib.colorize import command as color_cli


@pytest.fixture(scope="session")
def cnn():
    return models.build_cnn(8)


@pytest.fixture(scope="session")
def root(tmp_path_factory, cnn):
    root = tmp_path_factory.mktemp("project")
    for number, study in enumerate(("old", "new")):
        path = root / "results" / study / "cnn" / "model.keras"
        path.parent.mkdir(parents=True)
        cnn.save(path)
        os.utime(path, (number, number))
    critic = root / "results" / "new" / "critic" / "model.keras"
    critic.parent.mkdir()
    models.build_critic(2).save(critic)
    return root


@pytest.fixture
def run(root, tmp_path, capsys):
    def run(*arguments, model="cnn", study="new"):
        words = [*map(str, arguments), "--model", model]
        words += [] if "--study" in words else ["--study", study]
        status = color_cli.main(words, root)
        return status, *(text.splitlines() for text in capsys.readouterr())

    return run
