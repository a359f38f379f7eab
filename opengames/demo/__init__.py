"""The main job, shown: a battery on real prices, the reservation exchange, a market that an operator clears, the textbook. `python -m opengames.demo`"""
