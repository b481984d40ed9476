"""Training steps in PyTorch, eager and by torch.compile: a worker of the training benchmark.

    python tests/benchmarks/torch_training.py NAME SIZE BATCH THREADS

The plain loop: uint8 photos to CIELAB, forward, loss, backward, Adam; channels last, Adam fused.
Answers `common.Worker`: `eager` and `compiled` train for a second or more, `matmul` tells what the
processor can do, `work` how many operations a step has (PyTorch's own counter: products in
convolutions, dense layers and attention, forward and backward).
"""

import argparse

import common
import torch
import torch_networks as networks
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

AB_SCALE = 110.0
CONTENT_WEIGHT = 1.5
FEATURE_LAYERS = {"fine2": 0.2, "fine3": 0.7, "fine4": 0.1}
RGB_TO_XYZ = [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
]
MATRIX = torch.tensor(RGB_TO_XYZ) / torch.tensor(RGB_TO_XYZ).sum(dim=1, keepdim=True)
INVERSE = MATRIX.inverse()
DELTA = 6 / 29


def rgb_to_lab(rgb):
    """uint8 (N, H, W, 3) to L (N, 1, H, W) in [-1, 1] and ab (N, 2, H, W) / 110."""
    rgb = rgb.permute(0, 3, 1, 2).float() / 255
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("ij,njhw->nihw", MATRIX, linear)
    f = torch.where(
        xyz > DELTA**3, xyz.clamp_min(DELTA**3) ** (1 / 3), xyz / (3 * DELTA**2) + 4 / 29
    )
    x, y, z = f.split(1, dim=1)
    ab = torch.cat([500 * (x - y), 200 * (y - z)], dim=1)
    return (116 * y - 16) / 50 - 1, ab / AB_SCALE


def lab_to_rgb(lightness, ab):
    """The inverse: (N, 3, H, W) in [0, 1]."""
    y = ((lightness + 1) * 50 + 16) / 116
    x, z = y + ab[:, :1] * AB_SCALE / 500, y - ab[:, 1:] * AB_SCALE / 200
    f = torch.cat([x, y, z], dim=1)
    xyz = torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
    linear = torch.einsum("ij,njhw->nihw", INVERSE, xyz)
    root = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, root, 12.92 * linear).clamp(0, 1)


def gray(lightness):
    """L as the grey photo that Xception expects, in [-1, 1]."""
    return lab_to_rgb(lightness, torch.zeros_like(lightness).repeat(1, 2, 1, 1)) * 2 - 1


class FeatureLoss(torch.nn.Module):
    """`lib.losses.FeatureLoss`."""

    def __init__(self):
        super().__init__()
        self.extractor = networks.freeze(networks.Xception(entry=True))

    def forward(self, rgb_true, rgb_pred):
        with torch.no_grad():
            true = self.extractor(rgb_true * 2 - 1)
        pred = self.extractor(rgb_pred * 2 - 1)
        total = 0.0
        for name, weight in FEATURE_LAYERS.items():
            t, p = true[name], pred[name]
            size = t.abs().mean(dim=(1, 2, 3)) + 1e-6
            total = total + weight * ((p - t).abs().mean(dim=(1, 2, 3)) / size).mean()
        return total


class Colorizer(torch.nn.Module):
    """The loss of a network on uint8 photos."""

    def __init__(self, network, features=None):
        super().__init__()
        self.network, self.features = network, features

    def forward(self, rgb):
        lightness, ab_true = rgb_to_lab(rgb)
        return self.content(rgb, lightness, ab_true, self.network(lightness))

    def content(self, rgb, lightness, ab_true, ab_pred):
        if self.features is None:
            return functional.mse_loss(ab_pred, ab_true)
        rgb_true = rgb.permute(0, 3, 1, 2).float() / 255
        features = self.features(rgb_true, lab_to_rgb(lightness, ab_pred))
        return functional.l1_loss(ab_pred, ab_true) + features


class CriticLoss(torch.nn.Module):
    """The critic's loss: true ab is real, the generator's is not."""

    def __init__(self, critic, generator):
        super().__init__()
        self.network, self.generator = critic, networks.freeze(generator)

    def forward(self, rgb):
        lightness, ab_true = rgb_to_lab(rgb)
        with torch.no_grad():
            ab_pred = self.generator(lightness)
        logits = self.network(lightness.repeat(2, 1, 1, 1), torch.cat([ab_true, ab_pred]))
        real = torch.zeros_like(logits)
        real[: len(rgb)] = 1
        return functional.binary_cross_entropy_with_logits(logits, real)


class FoolingLoss(Colorizer):
    """The generator's loss against a critic that stands still; its decoder trains."""

    def __init__(self, generator, critic, features):
        super().__init__(generator, features)
        self.critic = networks.freeze(critic)
        networks.freeze(generator.encode)

    def forward(self, rgb):
        lightness, ab_true = rgb_to_lab(rgb)
        ab_pred = self.network(lightness)
        logits = self.critic(lightness, ab_pred)
        fooled = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return fooled + CONTENT_WEIGHT * self.content(rgb, lightness, ab_true, ab_pred)


def losses_of(name, size):
    """The losses that a step makes smaller, one after another."""
    if name == "critic":
        return [CriticLoss(networks.Critic(), networks.Generator())]
    if name == "joint":  # two copies of both, since a frozen one cannot be woken in the same graph
        critic = CriticLoss(networks.Critic(), networks.Generator())
        return [critic, FoolingLoss(networks.Generator(), networks.Critic(), FeatureLoss())]
    if name == "generator":
        return [Colorizer(networks.Generator(), FeatureLoss())]
    builders = {
        "cnn": networks.CNN,
        "autoencoder": lambda: networks.Autoencoder(size),
        "xception": lambda: networks.XceptionColor(gray),
        "xception_skips": lambda: networks.XceptionColor(gray, skips=True),
    }
    return [Colorizer(builders[name]())]


def step_of(losses, rgb, compiled):
    """A function that takes one training step on the same photos."""
    parts = []
    for loss in losses:
        weights = [weight for weight in loss.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(weights, 1e-4, fused=True)
        parts.append((torch.compile(loss) if compiled else loss, optimizer))

    def step():
        for loss, optimizer in parts:
            optimizer.zero_grad(set_to_none=True)
            loss(rgb).backward()
            optimizer.step()

    return step


def matmul(size=2048):
    """Operations a second of a large product of matrices."""
    one = torch.rand(size, size)
    return {"rate": 2 * size**3 / common.repeat(lambda: one @ one, 0.3)["seconds"]}


def work(step):
    """Operations of one step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return {"operations": counter.get_total_flops()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("size", type=int)
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    rgb = torch.randint(0, 256, (options.batch, options.size, options.size, 3), dtype=torch.uint8)
    losses = losses_of(options.name, options.size)
    for loss in losses:
        loss.train().to(memory_format=torch.channels_last)
    shapes = [networks.shapes(loss.network) for loss in losses]
    eager, compiled = step_of(losses, rgb, False), step_of(losses, rgb, True)
    ways = {
        "eager": lambda: common.repeat(eager),
        "compiled": lambda: common.repeat(compiled),
        "matmul": matmul,
        "work": lambda: work(eager),
    }
    common.serve({"shapes": shapes}, ways)


if __name__ == "__main__":
    main()
