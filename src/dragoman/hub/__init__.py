"""The Anthropic Messages model: what every dialect is read into and every carrier writes from."""
