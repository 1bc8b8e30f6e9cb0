"""Dragoman: the interpreter between the OpenAI protocol and Claude."""

__version__ = "0.1.0"
