"""PyTorch float32 on the CPU, one thread: the training step that bench_training times, with the same work.

784 - dropout - 1200, maxout 5 - dropout - 1200, maxout 5 - dropout - 10, softmax, negative log likelihood; gradients by
autograd; momentum; max norm of every unit. Processor time. Protocol: peer_process.h.
"""
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(1)
BATCH, KEEP_INPUT, KEEP_HIDDEN, RATE, MOMENTUM, MAX_NORM = 100, 0.8, 0.5, 0.05, 0.5, 1.9365
SHAPES = [(1200, 784), (1200, 240), (10, 240)]
weights = [((2 * torch.rand(s) - 1) * (6 / sum(s)) ** 0.5).requires_grad_() for s in SHAPES]
biases = [torch.zeros(s[0], requires_grad=True) for s in SHAPES]
parameters = [p for pair in zip(weights, biases) for p in pair]
updates = [torch.zeros_like(p) for p in parameters]
images = torch.randint(0, 256, (2000, 784)).float() / 256
labels = torch.randint(0, 10, (2000,))
rows = torch.arange(BATCH)


def masked(x, keep):
    return x * (torch.rand_like(x) < keep)


def step(number):
    first = number * BATCH % len(images)
    x, t = images[first : first + BATCH], labels[first : first + BATCH]
    x = masked(x, KEEP_INPUT)
    for layer in range(2):
        z = torch.nn.functional.linear(x, weights[layer], biases[layer])
        x = masked(z.view(BATCH, -1, 5).amax(dim=2), KEEP_HIDDEN)
    z = torch.nn.functional.linear(x, weights[2], biases[2])
    loss = torch.nn.functional.cross_entropy(z, t, reduction="sum") / 10
    loss.backward()
    with torch.no_grad():
        for parameter, update in zip(parameters, updates):
            update.mul_(MOMENTUM).add_(parameter.grad, alpha=-RATE)
            parameter.add_(update)
            if parameter.dim() == 2:
                norm = parameter.norm(dim=1, keepdim=True)
                parameter.mul_(norm.clamp(max=MAX_NORM) / (1e-7 + norm))
            parameter.grad = None


number = 0
for _ in range(5):
    step(number)
    number += 1
print(f"PyTorch {torch.__version__} float32, {torch.backends.cpu.get_cpu_capability()}", flush=True)
for line in sys.stdin:
    steps = int(line)
    begin = time.process_time()
    for _ in range(steps):
        step(number)
        number += 1
    print((time.process_time() - begin) / steps * 1e3, flush=True)
