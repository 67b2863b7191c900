"""The compiled passes of `fused_step.c`: found, declared, and called by address."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, c_float, c_int, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.compute import can
from progressive_training import compiled_library

if TYPE_CHECKING:
    from torch import Tensor

LANES = 16
"""The width of a network must be a multiple of it, and at most `WIDEST`, as the file has it; it has at most `MOST_HEADS` outputs."""
WIDEST, MOST_HEADS = 4_096, 128
FEWEST_ROWS = 256
"""Rows that are worth a thread of their own."""
RESULTS = {"hidden_space": c_long, "space_needed": c_long, "packed_needed": c_long, "multiplies": c_int}
"""What the functions that answer with a number return."""


class Step(ctypes.Structure):
    """`step` of the C file: sizes and addresses of a network's gradient step."""

    _fields_ = (
        *((name, c_long) for name in ("members", "features", "scales", "width", "horizons", "rows", "stride")),
        ("threshold", c_int),
        ("half", c_int),
        *((name, c_float) for name in ("dropout_scale", "epsilon", "huber")),
        *(
            (name, c_void_p)
            for name in (
                *("weights", "prior", "gradient"),
                *("first", "second", "linear", "first_bias", "second_bias", "head", "head_bias"),
                *("z1", "hidden", "z2", "grad", "deviation", "radial", "along", "grad_along", "error"),
                *("grad_first", "grad_second", "grad_linear"),
                *("grad_first_bias", "grad_second_bias", "grad_head", "grad_head_bias", "loss"),
                *("space", "packed"),
            )
        ),
        ("narrow", c_int),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The passes for this processor; None where the package was installed without."""
    step, long, real, address = POINTER(Step), c_long, c_float, c_void_p
    functions = {
        "make_layers": (step,),
        "first_layer": (step, long, address),
        "second_layer": (step, long, address, address, address),
        "first_layer_backward": (step, long),
        "make_gradient": (step,),
        "pack_layers": (step,),
        "gradient_of_rows": (step, address, long, c_int, *(address,) * 3, long, address, address),
        "advantages_of_rows": (step, address, long, c_int, address, address),
        "round_of_steps": (
            *(step, address, long, c_int, address, long, *(address,) * 4, long, *(address,) * 5),
            *(long, real, real, real, address, address),
        ),
        "hidden_space": (long, long),
        "hidden_of_rows": (address, *(long,) * 4, *(address,) * 4, real, address, address),
        "values_of_rows": (address, long, long, long, address, address, long, long, *(address,) * 3),
        "space_needed": (step,),
        "packed_needed": (step,),
        "multiplies": (c_int,),
        "hidden_layer": (address, address, long, long, real, c_int),
        "adam_step": (*(address,) * 6, long, *(real,) * 5),
    }
    found = compiled_library(Path(__file__).with_name("fused_step.c"), functions)
    for name, answer in RESULTS.items() if found is not None else ():
        getattr(found, name).restype = answer
    return found


def multiplies(passes: ctypes.CDLL, dtype: torch.dtype) -> bool:
    """Whether the passes have products of their own in that precision for this processor. Where a processor has units for
    products in bfloat16 (AMX), they are left to torch's libraries, which know them."""
    narrow = dtype == torch.bfloat16
    return bool(passes.multiplies(narrow)) and not (narrow and can("_is_amx_tile_supported"))


def usable_for(weights: Tensor, width: int, outputs: int = 0) -> ctypes.CDLL | None:
    """The passes for a network of that `width` and number of `outputs` with these `weights`; None where they cannot be used."""
    fits = weights.device.type == "cpu" and width % LANES == 0 and width <= WIDEST and outputs <= MOST_HEADS
    return library() if fits else None


def activated(passes: ctypes.CDLL, outputs: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """`outputs` [members, B, width], in float32 or bfloat16, become the activations: `bias` [members, 1, width] added, relu, and divided
    by the root of the mean square and `epsilon`."""
    members, rows, width = outputs.shape
    offsets = bias.float().contiguous()
    for member in range(members):
        at = outputs.data_ptr() + member * rows * width * outputs.element_size()
        half = outputs.dtype == torch.bfloat16
        passes.hidden_layer(at, offsets.data_ptr() + 4 * member * width, rows, width, epsilon, half)
    return outputs


def hidden_of(passes: ctypes.CDLL, features: Tensor, layers: list[tuple[Tensor, Tensor]], epsilon: float) -> Tensor:
    """The activations [members, B, width] of the second of both `layers` (see `network.Network.hidden`), in float32, for `features`
    [B, columns]. Each of torch's threads takes a stretch of the rows; none of them depends on another."""
    rows, columns = features.shape
    if features.stride(1) != 1:
        features = features.contiguous()
    (first, first_bias), (second, second_bias) = ((weight.contiguous(), bias.contiguous()) for weight, bias in layers)
    members, _, width = second.shape
    hidden = torch.empty(members, rows, width)
    count = max(1, min(torch.get_num_threads(), rows // FEWEST_ROWS))
    spaces = torch.empty(count, passes.hidden_space(columns, width))
    bytes_of = first.element_size()
    layered = (first, first_bias, second, second_bias)
    weights = [(each.data_ptr(), bytes_of * each.stride(0)) for each in layered]  # and how far members are apart

    def stretch(number: int) -> None:
        start, stop, apart = rows * number // count, rows * (number + 1) // count, features.stride(0)
        begun = features.data_ptr() + bytes_of * start * apart
        space = spaces.data_ptr() + bytes_of * number * spaces.stride(0)
        for m in range(members):
            passes.hidden_of_rows(
                *(begun, apart, stop - start, columns, width),
                *(address + m * member for address, member in weights),
                *(epsilon, space, hidden.data_ptr() + bytes_of * (m * rows + start) * width),
            )

    if count == 1:
        stretch(0)
    else:
        list(workers(count, os.getpid()).map(stretch, range(count)))
    return hidden


def values_of(
    passes: ctypes.CDLL, features: Tensor, hidden: Tensor, value_layer: tuple[Tensor, Tensor, Tensor]
) -> Tensor:
    """Advantages [B, 2] from the `features` [B, columns] and the activations `hidden` [members, B, width] by a `value_layer`
    (see `network.Network.value_layer`), all in float32."""
    linear, weight, bias = (each.contiguous() for each in value_layer)
    hidden, values = hidden.contiguous(), torch.empty(len(features), 2)
    passes.values_of_rows(
        *(hidden.data_ptr(), *hidden.shape, weight.data_ptr(), features.data_ptr(), features.stride(0)),
        *(features.shape[1], linear.data_ptr(), bias.data_ptr(), values.data_ptr()),
    )
    return values


@cache
def workers(count: int, process: int) -> ThreadPoolExecutor:
    """Threads of this `process`; those of a process that it was forked from do not run in it."""
    del process
    return ThreadPoolExecutor(count, "activations")
