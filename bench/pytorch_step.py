"""PyTorch float32 on the CPU, one thread: the training step that bench_training times, with the same work.

    pytorch_step.py NETWORK [BATCH]      NETWORK: pi_mnist, mnist, gupta_cifar10, gxnor_mnist, gxnor_cifar10

Gradients by autograd; dropout, momentum, norms, weight decay as in the recipes. Processor time. Protocol:
peer_process.h; the number 0 asks for the most memory used since the start, above what was used before the network was
made, in MiB; -N for N forward passes of evaluation.
"""
import resource
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(1)
KEEP_INPUT, KEEP_HIDDEN = 0.8, 0.5
network = sys.argv[1] if len(sys.argv) > 1 else "pi_mnist"
BATCH = int(sys.argv[2]) if len(sys.argv) > 2 else 100
CLASSES, EXAMPLES = 10, 2000


def masked(x, keep):
    return x * (torch.rand_like(x) < keep)


def maxout(z, pieces):
    """Over adjacent units of [n, units] or channels of [n, channels, h, w]."""
    return z.unflatten(1, (-1, pieces)).amax(dim=2)


class Network:
    """`shapes` of the weights; their norms are limited along `norm_axes` (None: not)."""

    image = (784,)
    rate, momentum, decay, divisor = 0.05, 0.5, 0.0, CLASSES
    max_norms = ()

    def __init__(self):
        fans = [(s[1:].numel(), s[0] * s[2:].numel()) for s in map(torch.Size, self.shapes)]
        self.weights = [((2 * torch.rand(s) - 1) * (6 / sum(f)) ** 0.5).requires_grad_()
                        for s, f in zip(self.shapes, fans)]
        self.biases = [torch.zeros(s[0], requires_grad=True) for s in self.shapes]
        self.parameters = [p for pair in zip(self.weights, self.biases) for p in pair]
        self.updates = [torch.zeros_like(p) for p in self.parameters]

    def step(self, x, t):
        loss = F.cross_entropy(self.forward(x), t, reduction="sum") / self.divisor
        loss.backward()
        with torch.no_grad():
            for parameter, update in zip(self.parameters, self.updates):
                gradient = parameter.grad
                if self.decay and parameter.dim() > 1:
                    gradient = gradient.add(parameter, alpha=self.decay)
                update.mul_(self.momentum).add_(gradient, alpha=-self.rate)
                parameter.add_(update)
                parameter.grad = None
            for parameter, limit in zip(self.weights, self.max_norms):
                norm = parameter.norm(dim=1 if parameter.dim() == 2 else 0, keepdim=True)
                parameter.mul_(norm.clamp(max=limit) / (1e-7 + norm))


class PiMnist(Network):
    shapes = [(1200, 784), (1200, 240), (10, 240)]
    max_norms = (1.9365,) * 3

    def forward(self, x):
        x = masked(x, KEEP_INPUT)
        for layer in range(2):
            z = F.linear(x, self.weights[layer], self.biases[layer])
            x = masked(maxout(z, 5), KEEP_HIDDEN)
        return F.linear(x, self.weights[2], self.biases[2])


class Mnist(Network):
    image = (1, 28, 28)
    shapes = [(96, 1, 8, 8), (96, 48, 8, 8), (96, 48, 5, 5), (10, 216)]
    max_norms = (0.9, 1.9365, 1.9365, 1.9365)
    rate = 0.02

    def forward(self, x):
        x = masked(x, KEEP_INPUT)
        for layer, (padding, size, pieces) in enumerate([(0, 4, 2), (3, 4, 2), (3, 2, 4)]):
            z = F.conv2d(x, self.weights[layer], padding=padding)
            z = F.max_pool2d(z, size, 2, ceil_mode=True) + self.biases[layer][:, None, None]
            x = masked(maxout(z, pieces), KEEP_HIDDEN)
        return F.linear(x.flatten(1), self.weights[3], self.biases[3])


class GuptaCifar10(Network):
    image = (3, 32, 32)
    shapes = [(64, 3, 5, 5), (64, 64, 5, 5), (64, 64, 5, 5), (10, 1024)]
    rate, momentum, divisor = 0.01, 0.9, BATCH

    def forward(self, x):
        for layer in range(3):
            z = F.conv2d(x, self.weights[layer], self.biases[layer], padding=2)
            x = F.max_pool2d(F.relu(z), 3, 2, ceil_mode=True)
        return F.linear(x.flatten(1), self.weights[3], self.biases[3])


class Gxnor:
    """Convolutions (channels, pooled?), a hidden layer and the output, each with batch normalisation; float32 in all."""

    def __init__(self):
        nn = torch.nn
        layers, channels = [], self.image[0]
        for outputs, pooled in self.convolutions:
            layers.append(nn.Conv2d(channels, outputs, self.kernel, padding=self.padding, bias=False))
            layers += [nn.MaxPool2d(2)] if pooled else []
            layers += [nn.BatchNorm2d(outputs, eps=1e-4), nn.Hardtanh()]
            channels = outputs
        inputs = channels * self.side**2
        layers += [nn.Flatten(), nn.Linear(inputs, self.units, bias=False), nn.BatchNorm1d(self.units, eps=1e-4),
                   nn.Hardtanh(), nn.Linear(self.units, CLASSES, bias=False), nn.BatchNorm1d(CLASSES, eps=1e-4)]
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, x, t):
        self.model.train()
        sign = 2.0 * F.one_hot(t, CLASSES) - 1.0
        F.relu(1 - sign * self.model(2 * x - 1)).square().mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def evaluate(self, x):
        self.model.eval()
        with torch.inference_mode():
            return self.model(2 * x - 1).argmax(dim=1)


class GxnorMnist(Gxnor):
    image = (1, 28, 28)
    convolutions, kernel, padding, side, units = [(32, True), (64, True)], 5, 0, 4, 512


class GxnorCifar10(Gxnor):
    image = (3, 32, 32)
    convolutions = [(128, False), (128, True), (256, False), (256, True), (512, False), (512, True)]
    kernel, padding, side, units = 3, 1, 4, 1024


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


before = peak_mib()
model = {"pi_mnist": PiMnist, "mnist": Mnist, "gupta_cifar10": GuptaCifar10,
         "gxnor_mnist": GxnorMnist, "gxnor_cifar10": GxnorCifar10}[network]()
images = torch.randint(0, 256, (EXAMPLES, *model.image)).float() / 256
labels = torch.randint(0, CLASSES, (EXAMPLES,))
data_mib = images.numel() * 4 / 2**20
number = 0


def step(forward_only=False):
    global number
    first = number * BATCH % (EXAMPLES - BATCH)
    if forward_only:
        model.evaluate(images[first : first + BATCH])
    else:
        model.step(images[first : first + BATCH], labels[first : first + BATCH])
    number += 1


if BATCH > 1:
    step()  # a batch of one has no statistics to normalise by: it is only evaluated
print(f"PyTorch {torch.__version__} float32, {torch.backends.cpu.get_cpu_capability()}", flush=True)
for line in sys.stdin:
    steps = int(line)
    if steps == 0:
        print(peak_mib() - before - data_mib, flush=True)
        continue
    begin = time.process_time()
    for _ in range(abs(steps)):
        step(forward_only=steps < 0)
    print((time.process_time() - begin) / abs(steps) * 1e3, flush=True)
