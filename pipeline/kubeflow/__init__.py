"""The pipeline on Kubeflow: compiled, run step by step, submitted, and executed on this machine."""
