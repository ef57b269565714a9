"""How many operations a row costs: the arithmetic behind the share of the machine's own limit."""

from __future__ import annotations

__all__ = ["mmoe", "shared_bottom", "words"]


def mmoe(width: int, experts: int = 8, tasks: int = 2) -> float:
    """Return the operations that training an MMoE (experts [256, 128], tower [64]) takes per row.

    Args:
        width: D, the length of the joint input.
        experts: E.
        tasks: T.

    Returns:
        3 × 2 × multiplications: forward, and backward twice as much (gradients of the weights and of the inputs, the latter
        down to the embeddings). Look-ups, activations and the optimiser count nothing.
    """
    expert = width * 256 + 256 * 128
    task = width * experts + experts * 128 + 128 * 64 + 64
    return 6.0 * (experts * expert + tasks * task)


def shared_bottom(width: int, tasks: int = 2) -> float:
    """Return the same for a shared bottom [256, 128] with towers [64]."""
    return 6.0 * (width * 256 + 256 * 128 + tasks * (128 * 64 + 64))


def words(width: int) -> str:
    """Say the formula with its numbers."""
    return (
        f"6 · (8 · (D·256 + 256·128) + 2 · (8·D + 8·128 + 128·64 + 64)) = {mmoe(width) / 1e6:.2f} MFLOP a row"
        f" with D = {width}; "
        f"shared bottom 6 · (D·256 + 256·128 + 2 · (128·64 + 64)) = {shared_bottom(width) / 1e6:.2f}"
    )
