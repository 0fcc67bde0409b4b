"""Uploads and downloads over HTTP: one suite, three frameworks, their clients and servers."""
