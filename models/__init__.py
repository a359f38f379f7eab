"""Adapters to the world: data files that fill params, batteries, price series."""
