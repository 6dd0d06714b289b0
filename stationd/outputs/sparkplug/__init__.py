"""The station as an edge node in the manner of Sparkplug B 3.0. Pure: payload, catalogue, messages, node. The task: client."""
