"""Darknet's language: `.cfg` texts, the plans they describe, the networks made of them, and back. Reads no weights."""
