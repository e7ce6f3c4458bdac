"""Webhooks as a file: written, read, compared with what is stored, and brought in. Each file is one installation's."""
