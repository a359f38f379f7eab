"""The main job, shown: a battery on real prices, the reservation exchange, the textbook. `python -m opengames.demo`"""
