"""The bench: `python -m tests.perf.bench` measures the frame budget against controls in the same run."""
