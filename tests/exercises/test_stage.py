# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from stemtide.exercises.stage import DemoError, RunningExercise, forget_settings


def test_only_who_forgets_the_settings_of_a_hub_loses_them(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMTIDE_DATABASE_URL", "sqlite:///real.sqlite3")
    folder = RunningExercise(folder=tmp_path).hub_folder()
    assert (folder.is_dir(), "STEMTIDE_DATABASE_URL" in os.environ) == (True, True)
    with monkeypatch.context() as environment:
        for name in os.environ:  # so that they are put back
            if name.startswith("STEMTIDE_"):
                environment.setenv(name, os.environ[name])
        forget_settings()
        assert not [name for name in os.environ if name.startswith("STEMTIDE_")]


def test_a_hub_that_is_there_is_not_taken_over(tmp_path):
    stage = RunningExercise(folder=tmp_path)
    (stage.hub_folder() / "hub.sqlite3").touch()
    with pytest.raises(DemoError, match="name an empty --folder"):
        stage.hub_folder()
