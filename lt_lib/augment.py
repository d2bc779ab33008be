"""Classical augmentation of a whole batch: flips, shifts and rotations in one resampling."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from lt_lib.inputs import check_images

PADDING = ("zeros", "border", "reflection")


class Classical:
    """Random flips, shifts and rotations, drawn anew for each image.

    Args:
        flip_h: mirror left and right, with probability one half.
        flip_v: mirror top and bottom, with probability one half.
        shift: largest shift along either axis, as a share of that side; uniform in [-shift, shift], not
            rounded to pixels.
        rotation: largest angle in degrees; uniform in [-rotation, rotation], about the centre.
        padding: what lies beyond the border: "zeros", "border" (its last pixel) or "reflection".

    An image turns about its centre, then shifts, then flips; one bilinear interpolation does all three.

    Raises:
        ValueError: a shift or rotation that is negative or not finite, or an unknown padding.

    Source: `sign`, section 3, which names the operations only; their ranges are ours, the usual ones.
    """

    def __init__(
        self,
        flip_h: bool = True,
        flip_v: bool = True,
        shift: float = 0.1,
        rotation: float = 15.0,
        padding: str = "zeros",
    ) -> None:
        for name, value in (("shift", shift), ("rotation", rotation)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value}")
        if padding not in PADDING:
            raise ValueError(f"padding must be 'zeros', 'border' or 'reflection', got {padding!r}")
        self.flip_h, self.flip_v, self.shift, self.rotation = flip_h, flip_v, shift, rotation
        self.padding = padding

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """Draw and apply.

        Args:
            x: (N, C, H, W), floating point, normalised or not.
            generator: where chance comes from; with one on the CPU the draws do not depend on x's device.
                Five numbers an image are drawn whatever is switched off.

        Returns:
            Like x: shape, dtype and device.

        Raises:
            ValueError: x is no batch of images.
        """
        check_images(x, unit=False)
        draws = torch.rand(5, len(x), generator=generator, device=generator.device).to(x.device)
        mirror_x, mirror_y = draws[:2] < 0.5
        flip_x = 1 - 2 * (mirror_x & self.flip_h).float()
        flip_y = 1 - 2 * (mirror_y & self.flip_v).float()
        angle, *shifts = 2 * draws[2:] - 1
        cos, sin = (f(angle * math.radians(self.rotation)) for f in (torch.cos, torch.sin))
        right, down = (
            part * self.shift * side for part, side in zip(shifts, (x.shape[3], x.shape[2]), strict=True)
        )
        turn = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
        linear = turn * torch.stack([flip_x, flip_y], 1)[:, None]
        offset = -(turn @ torch.stack([right, down], 1)[..., None])
        return warp(x, torch.cat([linear, offset], 2), self.padding)


def warp(x: Tensor, matrices: Tensor, padding: str = "zeros") -> Tensor:
    """Resample each image along an affine map of its pixels.

    Args:
        x: (N, C, H, W), floating point; half precision is computed in float32.
        matrices: (N, 2, 3), where an output pixel takes its value: (x, y) of the input = A (x, y) of the
            output + b, in pixels from the centre, x to the right and y down.
        padding: "zeros", "border" or "reflection".

    Returns:
        Like x, interpolated bilinearly.
    """
    if len(x) == 0:  # refused by affine_grid
        return x.clone()
    h, w = x.shape[2:]
    dtype = torch.promote_types(x.dtype, torch.float32)
    units = torch.tensor([[1, h / w, 2 / w], [w / h, 1, 2 / h]], dtype=dtype, device=x.device)
    grid = F.affine_grid(matrices.to(units) * units, x.shape, align_corners=False)
    return F.grid_sample(x.to(dtype), grid, padding_mode=padding, align_corners=False).to(x.dtype)
