"""NoGAN: who moves in which phase, when the generator's turn is, which moment is kept, resuming."""

import types

import helpers
import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from PIL import Image

from lib import lab, losses, metrics, models, nogan

COLUMNS = [
    *("step", "generator_steps", "critic_loss", "generator_loss", "rmse_ab", "colorfulness_ratio"),
    *("seconds", "chosen"),
]


def networks(filters=4):
    keras.utils.set_random_seed(0)
    return models.build_generator(filters), models.build_critic(filters)


def test_generator_loss_is_adversarial_plus_content():
    generator, critic = networks(2)
    trainer = nogan.GeneratorTrainer(generator, critic)
    rgb = ops.convert_to_tensor(helpers.patches(2, 32))
    lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(rgb))
    ab_pred = generator(lightness_scaled)
    logits = ops.convert_to_numpy(critic([lightness_scaled, ab_pred]))
    adversarial = np.mean(np.log1p(np.exp(-logits)))
    content = np.abs(ops.convert_to_numpy(ab_pred) - ops.convert_to_numpy(ab_true)).mean()
    loss = float(trainer.compute_loss(rgb, y_pred=ab_pred))
    assert loss == pytest.approx(adversarial + 1.5 * content, rel=1e-4)


# ---------------------------------------------------------------- phase 3: both


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Phase 3 with a generator step after each critic step, and what each step moved."""
    generator, critic = networks()
    photos = helpers.photos(train=16, val=6, size=32)
    folder, moves = tmp_path_factory.mktemp("gan"), []
    before = helpers.values(generator)

    def watched_step(trainer, rgb, step):
        kept = helpers.values(generator), helpers.values(critic)
        loss = plain(trainer, rgb, step)
        pairs = zip(kept, (generator, critic), strict=True)
        moves.append((type(trainer), *(helpers.moved(a, helpers.values(b)) for a, b in pairs)))
        return loss

    plain = nogan._step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nogan, "_step", watched_step)
        patch.setattr(nogan, "CRITIC_THRESHOLD", np.inf)
        log = play(generator, critic, photos, folder)
    return types.SimpleNamespace(
        generator=generator,
        critic=critic,
        photos=photos,
        folder=folder,
        moves=moves,
        log=log,
        before=before,
    )


def play(generator, critic, photos, folder, **options):
    options = {"steps": 5, "batch_size": 4, "learning_rate": 1e-3, "check_every": 2, **options}
    return nogan.adversarial(generator, critic, photos, folder, **options)


def test_critic_steps_move_the_critic_alone(together):
    steps = [move for move in together.moves if move[0] is nogan.CriticTrainer]
    assert len(steps) == 5
    everything = [path for path, _ in helpers.values(together.critic)]
    assert all(of_generator == [] for _, of_generator, _ in steps)
    assert {path for *_, of_critic in steps for path in of_critic} == set(everything)


def test_generator_steps_move_the_decoder_alone(together):
    steps = [move for move in together.moves if move[0] is nogan.GeneratorTrainer]
    assert len(steps) == 5
    paths = [path for path, _ in together.before]
    encoder = {path for path in paths if path.startswith("encode")}
    assert any("moving_mean" in path for path in encoder)
    assert any("moving_mean" in path for path in set(paths) - encoder)
    assert all(of_critic == [] for *_, of_critic in steps)
    moved = {path for _, of_generator, _ in steps for path in of_generator}
    assert moved == set(paths) - encoder


def test_the_log_has_a_row_for_each_check(together):
    log = together.log
    assert list(log.columns) == COLUMNS
    assert list(log["step"]) == [0, 2, 4, 5]
    assert list(log["generator_steps"]) == [0, 2, 4, 5]
    assert log[["critic_loss", "generator_loss"]].iloc[0].isna().all()
    assert np.isfinite(log[["critic_loss", "generator_loss"]].iloc[1:].to_numpy(float)).all()
    assert log["chosen"].sum() == 1
    assert log["chosen"].argmax() == nogan.choose(log.to_dict("records"))
    written = pd.read_csv(together.folder / "nogan.csv")
    assert list(written.columns) == COLUMNS
    np.testing.assert_allclose(written["rmse_ab"], log["rmse_ab"])


def test_what_is_checked_is_the_average_of_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(nogan, "CRITIC_THRESHOLD", np.inf)
    generator, critic = networks()
    photos, path = helpers.photos(train=16, val=6, size=32), "output_ab/kernel"
    after, checked = [], []
    step, check = nogan._step, nogan._check

    def kernel():
        return dict(helpers.values(generator))[path]

    def watched_step(trainer, x, number):
        loss = step(trainer, x, number)
        if isinstance(trainer, nogan.GeneratorTrainer):
            after.append(kernel())
        return loss

    def watched_check(*arguments):
        checked.append(kernel())
        check(*arguments)

    monkeypatch.setattr(nogan, "_step", watched_step)
    monkeypatch.setattr(nogan, "_check", watched_check)
    play(generator, critic, photos, tmp_path, steps=3, check_every=1, average=0.75)
    expected = after[0]  # the first average is the first weights
    np.testing.assert_allclose(checked[1], expected, rtol=1e-4)
    for number in (1, 2):
        expected = 0.75 * expected + 0.25 * after[number]
        np.testing.assert_allclose(checked[number + 1], expected, rtol=1e-3, atol=1e-6)
        assert np.abs(checked[number + 1] - after[number]).max() > 1e-5  # and trained on from here


def test_the_kept_generator_is_the_chosen_one(together):
    chosen = together.log[together.log["chosen"]].iloc[0]
    rgb = together.photos.images[together.photos.rows("val")]
    ab_true = np.asarray(lab.rgb_to_lab(rgb))[..., 1:]
    for generator in (together.generator, models.load(together.folder / "model.keras")):
        rmse = metrics.rmse_ab(ab_true, models.predict_ab(generator, rgb)).mean()
        assert rmse == pytest.approx(chosen["rmse_ab"], rel=1e-5)
    names = {path.name for path in together.folder.iterdir()}
    expected = {"model.keras", "critic.keras", "nogan.csv", "history.csv", "params.json"}
    assert names == expected | {"checkpoint.json", "looks"}
    strips = sorted((together.folder / "looks").iterdir())
    assert [int(path.stem) for path in strips] == together.log["step"].to_list()
    side, count = rgb.shape[1], min(nogan.LOOKS, len(rgb))
    assert {Image.open(path).size for path in strips} == {(side * count, side)}


def test_a_finished_run_returns_at_once(together, monkeypatch):
    monkeypatch.setattr(nogan, "_step", None)  # a step would fail
    generator, critic = networks()
    log = play(generator, critic, together.photos, together.folder)
    pd.testing.assert_frame_equal(log, together.log)
    assert helpers.same_weights(together.generator, generator)
    assert helpers.same_weights(together.critic, critic)
    assert all(layer.trainable for layer in generator.layers)


def test_generator_s_turn_comes_when_the_critic_is_good_enough(monkeypatch, tmp_path):
    critic_losses, turns = iter([0.70, 0.649, 0.65, 0.3, 0.66, 0.1]), []

    def scripted(trainer, rgb, step):
        rate = float(ops.convert_to_numpy(trainer.optimizer.learning_rate))
        turns.append((type(trainer).__name__, step, round(rate, 8)))
        return next(critic_losses) if isinstance(trainer, nogan.CriticTrainer) else 2.0 + step

    monkeypatch.setattr(nogan, "_step", scripted)
    log = play(*networks(2), helpers.photos(size=32), tmp_path, steps=6, check_every=3)
    generators = [step for name, step, _ in turns if name == "GeneratorTrainer"]
    assert generators == [2, 4, 6]
    assert [step for name, step, _ in turns if name == "CriticTrainer"] == [1, 2, 3, 4, 5, 6]
    rates = {("CriticTrainer", 5e-3), ("GeneratorTrainer", 1e-3)}
    assert {(name, rate) for name, _, rate in turns} == rates
    assert list(log["generator_steps"]) == [0, 1, 3]
    assert list(log["critic_loss"][1:]) == pytest.approx([(0.70 + 0.649 + 0.65) / 3, 1.06 / 3])
    assert list(log["generator_loss"][1:]) == pytest.approx([4.0, 7.0])


@pytest.mark.parametrize("whole", [False, True])
def test_a_plain_gan_trains_the_whole_generator(monkeypatch, tmp_path, whole):
    generator = models.build_generator(2, encoder="xception", xception=helpers.tiny_xception())
    models.thaw(generator.get_layer("xception"))  # all but batch normalizations
    trained, learning = set(), {variable.path for variable in generator.trainable_variables}

    def scripted(trainer, rgb, step):
        if isinstance(trainer, nogan.GeneratorTrainer):
            trained.update(variable.path for variable in trainer.trainable_weights)
        return 0.1

    monkeypatch.setattr(nogan, "_step", scripted)
    play(generator, networks(2)[1], helpers.photos(size=32), tmp_path, steps=1, whole=whole)
    assert any(path.startswith("decode") for path in trained)
    assert (trained == learning) == whole
    assert {variable.path for variable in generator.trainable_variables} == learning


def test_a_loss_that_is_not_finite_is_named():
    trainer = types.SimpleNamespace(
        network=types.SimpleNamespace(name="critic"),
        reset_metrics=lambda: None,
        train_on_batch=lambda rgb, return_dict: {"loss": float("nan")},
    )
    with pytest.raises(FloatingPointError, match="critic: the loss is nan at step 3"):
        nogan._step(trainer, None, 3)


# ---------------------------------------------------------------- the moment to keep


def checks(*pairs):
    return [{"rmse_ab": rmse, "colorfulness_ratio": ratio} for rmse, ratio in pairs]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(10, 0.5)], 0),
        ([(10, 0.5), (10.5, 0.8), (10.9, 0.9), (11.5, 1.0)], 2),  # the last costs 15 % RMSE
        ([(10, 0.5), (11.0, 0.9)], 1),  # 10 % exactly is allowed
        ([(10, 0.5), (11.01, 0.9)], 0),
        ([(10, 0.9), (9, 0.5), (10, 1.2)], 0),  # adversarial training only did harm
        ([(10, 0.4), (10, 0.5), (10, 1.9)], 2),  # log 1.9 < |log 0.5|, though 0.9 > 0.5
        ([(10, 0.4), (10, 0.5), (10, 2.1)], 1),
        ([(10, 0.0), (10, 0.01)], 1),  # no colour at all has a place in the order too
        ([(10, 0.8), (10, 1.25), (10, 0.8)], 0),  # the first of equals
        ([(10, 0.5), (float("nan"), 1.0)], 0),
    ],
)
def test_choice_by_hand(rows, expected):
    assert nogan.choose(checks(*rows)) == expected


def test_the_same_seed_gives_the_same_generator(xception):
    """Gradients of critic, colours and features meet in one tensor: their sum has an order."""
    found = []
    for _ in range(3):
        generator, critic = networks(4)
        trainer = nogan.GeneratorTrainer(generator, critic, losses.FeatureLoss(xception))
        trainer.compile(trainer.adam(1e-3), jit_compile=False)
        for seed in range(4):
            trainer.train_on_batch(helpers.patches(8, 32, seed))
        found.append(models.weights_digest(generator))
    assert len(set(found)) == 1
