"""TensorFlow Serving's REST and gRPC, through TensorFlow in this process."""
