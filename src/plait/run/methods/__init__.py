"""`plait bench methods`: every way to share and to balance on the same data, over several seeds."""

from plait.run.methods.bench import bench_methods

__all__ = ["bench_methods"]
