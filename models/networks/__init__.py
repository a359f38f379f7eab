"""Bayesian networks in other people's formats: BIF, XMLBIF, DOT, pgmpy, networkx."""
