"""ExampleValidator that stops the run at an anomaly."""
