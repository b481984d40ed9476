"""The study's networks in PyTorch, as its users write them: the peers of the training step.

Layer by layer those of `lib.models` at their default sizes, with weights of the same shapes, which
the benchmark checks. Tensors are (N, C, H, W), channels last in memory. Where a stride meets an
even side, PyTorch pads on both sides and Keras on one: features are shifted by a pixel, the cost
is the same. Takes lightness_scaled (N, 1, H, W), gives ab_scaled (N, 2, H, W), as there.
"""

import torch
from torch import nn
from torch.nn import functional

WIDTHS = [128, 256, 728]  # of Xception's blocks 2, 3 and 4


def resize(features, reference, shrink):
    """`lib.layers.ResizeTo`: bilinear, to the reference's size divided by `shrink`, rounded up."""
    size = [-(-side // shrink) for side in reference.shape[2:]]
    if list(features.shape[2:]) == size:
        return features
    return functional.interpolate(features, size, mode="bilinear", align_corners=False)


def norm(channels, momentum=0.1):
    """Batch normalization with Keras's epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=momentum)


def block(inputs, channels, stride=1, kernels=(3, 3)):
    """Convolutions with ReLU, the first with the stride, ended by batch normalization."""
    layers = []
    for number, kernel in enumerate(kernels):
        step = stride if number == 0 else 1
        layers += [nn.Conv2d(inputs, channels, kernel, step, kernel // 2), nn.ReLU()]
        inputs = channels
    return nn.Sequential(*layers, norm(channels))


def output(inputs):
    return nn.Conv2d(inputs, 2, 3, padding=1)


class CNN(nn.Module):
    """Encoder, global feature extractor, decoder; 8 blocks."""

    def __init__(self, filters=32):
        super().__init__()
        f = filters
        self.encode = nn.Sequential(
            block(1, f, 2), block(f, 2 * f, 2), block(2 * f, 4 * f, 2), block(4 * f, 4 * f)
        )
        self.wide = block(4 * f, 4 * f, 2)
        self.dense = nn.Linear(4 * f, 4 * f)
        self.fuse = block(8 * f, 4 * f, kernels=(1,))
        self.decode7, self.decode8 = block(4 * f, 2 * f), block(2 * f, f)
        self.output = output(f)

    def forward(self, lightness):
        local = self.encode(lightness)
        vector = functional.relu(self.dense(self.wide(local).mean(dim=(2, 3))))
        everywhere = vector[:, :, None, None].expand(-1, -1, *local.shape[2:])
        x = self.fuse(torch.cat([local, everywhere], dim=1))
        x = self.decode7(resize(x, lightness, 4))
        x = self.decode8(resize(x, lightness, 2))
        return self.output(resize(x, lightness, 1))


class Autoencoder(nn.Module):
    """Four convolutions, flatten, two dense, reshape; four transposed convolutions."""

    def __init__(self, image_size, filters=32, code=256):
        super().__init__()
        widths = [filters, 2 * filters, 4 * filters, 4 * filters]
        self.side, self.image_size = -(-image_size // 16), image_size
        layers = []
        for inputs, channels in zip([1, *widths], widths, strict=False):
            layers += [nn.Conv2d(inputs, channels, 3, 2, 1), nn.ReLU(), norm(channels)]
        self.encode = nn.Sequential(*layers)
        self.code = nn.Linear(self.side**2 * widths[-1], code)
        self.expand = nn.Linear(code, self.side**2 * widths[-1] // 2)
        layers, inputs = [], widths[-1] // 2
        for channels in widths[2::-1]:
            layers += [nn.ConvTranspose2d(inputs, channels, 3, 2, 1, 1), nn.ReLU(), norm(channels)]
            inputs = channels
        self.decode = nn.Sequential(*layers, nn.ConvTranspose2d(inputs, 2, 3, 2, 1, 1))

    def forward(self, lightness):
        x = functional.relu(self.code(self.encode(lightness).flatten(1)))
        x = functional.relu(self.expand(x)).reshape(len(x), -1, self.side, self.side)
        x = self.decode(x.contiguous(memory_format=torch.channels_last))
        excess = 16 * self.side - self.image_size
        start, end = (excess + 1) // 2, 16 * self.side - excess // 2
        return x[:, :, start:end, start:end]


def separable(inputs, channels):
    """Separable convolution, ended by batch normalization."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, channels, 1, bias=False),
        norm(channels, 0.01),
    )


class Reducing(nn.Module):
    """A block of Xception that halves: two separable convolutions, a pooling, a 1x1 beside them."""

    def __init__(self, inputs, between, channels):
        super().__init__()
        self.one, self.two = separable(inputs, between), separable(between, channels)
        self.pool = nn.MaxPool2d(3, 2, 1)
        beside = nn.Conv2d(inputs, channels, 1, 2, bias=False)
        self.beside = nn.Sequential(beside, norm(channels, 0.01))

    def forward(self, x, activated):
        """`activated` goes through the separable convolutions, `x` beside them; before pooling."""
        fine = self.two(functional.relu(self.one(activated)))
        return fine, self.pool(fine) + self.beside(x)


class Middle(nn.Module):
    """A block of Xception that keeps the size: three separable convolutions, added to the input."""

    def __init__(self, channels):
        super().__init__()
        self.steps = nn.ModuleList(separable(channels, channels) for _ in range(3))

    def forward(self, x):
        y = x
        for step in self.steps:
            y = step(functional.relu(y))
        return x + y


class Xception(nn.Module):
    """Xception without its classifier; `entry`: its entry flow alone, up to block 4.

    Gives features by name: 2, 4, 8, 16 and 32 as in `lib.models.XCEPTION_SKIPS`, and `fine2`,
    `fine3`, `fine4` as in `lib.losses.FEATURE_LAYERS`.
    """

    def __init__(self, entry=False):
        super().__init__()
        self.start = nn.Sequential(
            *(nn.Conv2d(3, 32, 3, 2, bias=False), norm(32, 0.01), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, bias=False), norm(64, 0.01), nn.ReLU()),
        )
        sizes = zip([64, *WIDTHS], WIDTHS, strict=False)
        self.entry = nn.ModuleList(Reducing(inputs, width, width) for inputs, width in sizes)
        self.middle = self.exit = None
        if not entry:
            self.middle = nn.Sequential(*(Middle(728) for _ in range(8)))
            self.exit = Reducing(728, 728, 1024)
            self.last = nn.Sequential(
                separable(1024, 1536), nn.ReLU(), separable(1536, 2048), nn.ReLU()
            )

    def forward(self, rgb):
        x = activated = self.start(rgb)
        features = {2: x}
        for number, reducing in enumerate(self.entry, start=2):
            features[f"fine{number}"], x = reducing(x, activated)
            activated = functional.relu(x)
            features[2**number] = activated
        if self.middle is None:
            return features
        x = self.middle(x)
        features[16] = functional.relu(x)
        _, x = self.exit(x, features[16])
        features[32] = self.last(x)
        return features


class XceptionColor(nn.Module):
    """Frozen Xception encodes, five convolutions decode; `gray` turns L into what Xception sees."""

    def __init__(self, gray, skips=False, filters=128):
        super().__init__()
        self.gray, self.skips, self.encoder = gray, skips, freeze(Xception())
        finer = {16: 728, 8: 256, 4: 128, 2: 64} if skips else {}
        self.decode, inputs = nn.ModuleDict(), 2048
        for number, shrink in enumerate([16, 8, 4, 2]):
            channels = max(filters >> number, 16)
            layers = [nn.Conv2d(inputs + finer.get(shrink, 0), channels, 3, padding=1)]
            self.decode[str(shrink)] = nn.Sequential(*layers, norm(channels), nn.ReLU())
            inputs = channels
        self.output = output(inputs)

    def forward(self, lightness):
        with torch.no_grad():
            finer = self.encoder(self.gray(lightness))
        x = finer[32]
        for shrink in (16, 8, 4, 2):
            x = resize(x, lightness, shrink)
            if self.skips:
                x = torch.cat([x, resize(finer[shrink], lightness, shrink)], dim=1)
            x = self.decode[str(shrink)](x)
        return self.output(resize(x, lightness, 1))


class SelfAttention(nn.Module):
    """Every place looks at every other; queries and keys of C / 8 channels."""

    def __init__(self, channels):
        super().__init__()
        inner = max(channels // 8, 1)
        self.query, self.key = (nn.Linear(channels, inner, bias=False) for _ in range(2))
        self.value = nn.Linear(channels, channels, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, features):
        places = features.flatten(2).transpose(1, 2)
        scores = self.query(places) @ self.key(places).transpose(1, 2)
        attended = scores.softmax(dim=-1) @ self.value(places)
        return features + self.gamma * attended.transpose(1, 2).reshape(features.shape)


class Generator(nn.Module):
    """NoGAN's generator: a U-Net with self-attention."""

    def __init__(self, filters=32):
        super().__init__()
        f = filters
        self.encode = nn.ModuleList(
            [block(1, f, 2), block(f, 2 * f, 2), block(2 * f, 4 * f, 2), block(4 * f, 8 * f, 2)]
        )
        self.central = block(8 * f, 8 * f, kernels=(3,))
        sizes = [(12 * f, 4 * f), (6 * f, 2 * f), (3 * f, f)]
        self.decode = nn.ModuleList(block(*size, kernels=(3,)) for size in sizes)
        self.attention = SelfAttention(4 * f)
        self.decode4 = block(f + 1, f // 2, kernels=(3,))
        self.output = output(f // 2)

    def forward(self, lightness):
        x, finer = lightness, []
        for encode in self.encode:
            x = encode(x)
            finer.append(x)
        x = self.central(finer.pop())
        for shrink, decode in zip((8, 4, 2), self.decode, strict=True):
            skip = resize(finer.pop(), lightness, shrink)
            x = decode(torch.cat([resize(x, lightness, shrink), skip], dim=1))
            if shrink == 8:
                x = self.attention(x)
        x = self.decode4(torch.cat([resize(x, lightness, 1), lightness], dim=1))
        return self.output(x)

    def decoder(self):
        """The parts that train in NoGAN's joint phase."""
        return [self.central, self.decode, self.attention, self.decode4, self.output]


class SpectralConv(nn.Conv2d):
    """Convolution whose kernel is divided by its largest singular value, one power iteration."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.register_buffer("u", torch.randn(1, self.out_channels))

    def forward(self, inputs):
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            v = functional.normalize(self.u @ matrix, dim=1)
            u = functional.normalize(v @ matrix.T, dim=1)
            if self.training:
                self.u.copy_(u)
        sigma = (u @ matrix @ v.T).squeeze()
        return self._conv_forward(inputs, self.weight / sigma, self.bias)


class Critic(nn.Module):
    """NoGAN's critic: logits of patches."""

    def __init__(self, filters=32, dropout=0.2):
        super().__init__()
        layers = [SpectralConv(3, filters, 4, 2, 1), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        for number in (1, 2, 3):
            half, channels = filters * 2 ** (number - 1), filters * 2**number
            layers += [SpectralConv(half, half, 3, 1, 1), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
            layers += [SpectralConv(half, channels, 4, 2, 1), nn.LeakyReLU(0.2)]
            layers += [SelfAttention(channels)] * (number == 1)
        self.layers = nn.Sequential(*layers, SpectralConv(channels, 1, 3, 1, 1))

    def forward(self, lightness, ab):
        return self.layers(torch.cat([lightness, ab], dim=1))


def freeze(network):
    """The network with weights and running statistics that stand still."""
    network.requires_grad_(False).eval()
    network.train = lambda mode=True: network
    return network


def shapes(network):
    """Shapes of all weights and statistics, each sorted, since Keras orders axes otherwise."""
    tensors = [*network.parameters(), *network.buffers()]
    return sorted(sorted(tensor.shape) for tensor in tensors if tensor.is_floating_point())
