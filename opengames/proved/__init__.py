"""The proved reading: z3 terms over exact rationals; a verdict is a proof, a counterexample that replays, or unknown with the reason."""
