"""One process or many: the few collective operations the trainer needs, under `torchrun` or alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from trainer.errors import TrainerError

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the processes `torchrun` started, if it did, and yield the device of this one."""
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local_rank) if torch.cuda.is_available() else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise TrainerError(f"there are {torch.cuda.device_count()} GPUs here; start no more processes than that")
        torch.cuda.set_device(device)
    # The others wait while the first process decodes the data.
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=6))
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(items: Sequence[T]) -> Sequence[T]:
    """Return this process's share of `items`."""
    return items[rank() :: world_size()]


def gather(items: list[T]) -> list[T]:
    """Return the items of all processes, in every process."""
    if not dist.is_initialized():
        return items
    everyone: list[list[T]] = [[] for _ in range(world_size())]
    dist.all_gather_object(everyone, items)
    return [item for part in everyone for item in part]


def from_first(values: Sequence[float], device: torch.device) -> list[float]:
    """Return the values that process 0 holds."""
    if not dist.is_initialized():
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.broadcast(tensor, 0)
    return tensor.tolist()


def wait() -> None:
    """Wait until all processes are here."""
    if dist.is_initialized():
        dist.barrier()
