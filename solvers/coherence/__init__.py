"""Coherence of posted quotes, with exact certificates both ways; state prices of payoffs."""
