"""The exporter `onnx`: a model's network as an ONNX graph, and all that decides with it, without torch."""
