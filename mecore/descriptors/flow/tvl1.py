"""TV-L1 optical flow of small frames, fast enough for a 200-fps camera.

Robust data term, total variation, pyramid, warps and median filter of Zach, Pock, Bischof (2007)
and Sánchez, Meinhardt-Llopis, Facciolo (2013). Where it goes another way than the usual code:

* Frames are cubic splines (`mecore.descriptors.flow.tvl1_pyramid`), so that warps are smooth.
* The moved frame is brought to the mean and contrast of the reference before each linearisation:
  flicker of the light is not motion.
* An over-relaxed primal-dual iteration (`mecore.descriptors.flow.tvl1_kernels`) needs tens of
  iterations where a fixed point needs hundreds.
* θ is a sixth of the usual 0.3: the data term stays robust, and small motion is not flattened.

Every pair starts from nothing. Starting at full size from the previous pair of a video saves about
a quarter of the time, does not make the flow better, and makes it depend on what came before:
``benchmarks/flow.py`` measures it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mecore.descriptors.flow.tvl1_kernels import CHUNK, Steps, Work, solve_level
from mecore.descriptors.flow.tvl1_pyramid import Level, enlarge, level_shapes

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TVL1Parameters:
    """Energy and effort of TV-L1 flow.

    The numbers were chosen on textures and phantom faces that move by 0-5 pixels, with and without
    noise, flicker and compression.

    Parameters
    ----------
    data_weight, coupling : float
        λ, weight of the data term against total variation, per grey level (of 255), and θ, pixels²:
        residuals below λ θ |∇I|² count by their square.
    warps, fine_iterations, coarse_iterations : int
        Linearisations per level, and most iterations for each, at full size and on smaller levels.
    fine_step, coarse_step : float
        Primal step lengths. The short one keeps noise of single pixels out of a flow that the
        smaller levels found; the long one finds it.
    tolerance, relaxation : float
        A level is solved when an iteration changes the flow by less than the one (root mean square,
        pixels); the other is its over-relaxation, 1 (none) to below 2.
    """

    data_weight: float = 0.2
    coupling: float = 0.05
    warps: int = 2
    fine_iterations: int = 20
    coarse_iterations: int = 12
    fine_step: float = 0.05
    coarse_step: float = 0.1
    tolerance: float = 0.003
    relaxation: float = 1.9

    def steps(self, level: int) -> Steps:
        """Constants of the solver on one level; level 0 is full size."""
        primal = self.coarse_step if level else self.fine_step
        iterations = self.coarse_iterations if level else self.fine_iterations
        # The squared norm of the discrete gradient is at most 8.
        numbers = (
            primal, 1 / (8 * primal), self.data_weight * primal,
            primal / (primal + self.coupling), self.relaxation, self.tolerance**2,
        )  # fmt: skip
        return Steps._make([*map(np.float32, numbers), self.warps, iterations])


class TVL1:
    """Solver for frames of one height and width, with its memory. For one thread at a time."""

    def __init__(self, shape: tuple[int, int], parameters: TVL1Parameters) -> None:
        self._shape = shape
        shapes = level_shapes(shape)
        self._steps = [parameters.steps(k) for k in range(len(shapes))]
        self._works = [_work(*s, steps) for s, steps in zip(shapes, self._steps, strict=True)]

    def flow(self, reference: list[Level], moved: list[Level]) -> Floats:
        """Flow between two frames, from their pyramids; see `optical_flow`."""
        works = self._works
        works[-1].u[:] = works[-1].v[:] = 0
        for k in reversed(range(len(works))):
            solve_level(reference[k], moved[k], works[k], self._steps[k])
            if k:
                widths = reference[k].width, reference[k - 1].width
                enlarge(works[k].u, widths[0], works[k - 1].u, widths[1])
                enlarge(works[k].v, widths[0], works[k - 1].v, widths[1])
        width = self._shape[1]
        planes = (plane[width:-width].reshape(self._shape) for plane in (works[0].u, works[0].v))
        return np.stack(list(planes), axis=-1)


def _work(height: int, width: int, steps: Steps) -> Work:
    planes = aligned_planes(15, (height + 2) * width)
    dual_x, column, row = (plane.reshape(height + 2, width) for plane in planes[-3:])
    dual_x[:, :-1] = steps.dual
    column[:] = np.arange(width)
    row[:] = np.arange(-1, height + 1)[:, None]
    parts = np.zeros((2, CHUNK), np.float32)
    packed = np.zeros((4, CHUNK), np.complex128)
    return Work._make([*planes, np.zeros(CHUNK, np.int32), *parts, packed, packed.view(np.float32)])


def aligned_planes(count: int, size: int) -> list[Floats]:
    """Planes aligned to 64 bytes, 320 bytes apart modulo 4096.

    Planes at equal offsets within a memory page make a processor take a load for one that must
    wait for an earlier store: a fifth of the speed.
    """
    stride = -(-size // 1024) * 1024 + 80
    memory = np.zeros(count * stride + 16, np.float32)
    first = -memory.ctypes.data % 64 // 4
    return [memory[first + k * stride :][:size] for k in range(count)]
