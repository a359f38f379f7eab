"""What the textbook programs are known to say: the verdict on every claim, the answer to every query.

An answer is written as the program prints it. Where it comes from stands in the program's own prose; a number that is
not in the literature is derived in the comment beside it.
"""

from __future__ import annotations

#: By program: the claims, all of which are proved (a claim that something fails is written with `not`).
CLAIMS: dict[str, tuple[str, ...]] = {
    "agenda": ("sincerity_is_unstable", "wisdom_is_perfect"),
    "battle_of_the_sexes": ("agreeing_is_stable", "so_is_chance", "insisting_is_not"),
    "beer_quiche": ("beer_is_stable", "quiche_is_stable", "honesty_is_not"),
    "centipede": ("taking_is_perfect", "friendship_unravels", "empty_promise_is_nash", "empty_promise_is_empty"),
    "chicken": ("yielding_is_stable", "daring_a_little_is", "politeness_cannot_be"),
    "cournot": (
        "thirds_are_stable", "a_tie_of_the_grid", "cartels_are_not", "cartels_would_pay", "three_answers_three",
    ),
    "gamblers_ruin": ("de_moivre", "it_is_not_fair", "nearly_closed"),
    "kuhn_poker": ("bluffing_is_stable", "honesty_is_not", "kuhns_value"),
    "lemons": ("collapse_is_perfect", "hope_is_lost"),
    "matching_pennies": ("tossing_is_stable", "habits_are_not", "nor_is_any_face"),
    "monty_hall": ("switching_wins", "host_never_errs", "luck_is_no_host"),
    "public_good": (
        "selfishness_is_stable", "generosity_is_not", "nor_is_one_saint", "keeping_dominates",
        "giving_is_better_for_all",
    ),
    "repeated_dilemma": ("trust_holds_at_one_half", "not_below", "nor_with_a_known_end", "distrust_always_holds"),
    "rock_paper_scissors": ("it_sums_to_nothing", "even_is_stable", "rocky_is_not"),
    "screening": ("screening_is_perfect", "naivety_costs"),
    "second_price": ("truth_dominates", "truth_is_stable", "bullying_is_too", "shading_is_not"),
    "sprinkler": ("rain_explains", "explained_away", "not_harmless"),
    "stackelberg": ("leading_is_perfect", "threat_is_nash", "threat_is_empty", "first_is_better"),
    "stag_hunt": (
        "trust_is_stable", "caution_is_stable", "doubt_is_stable", "waiting_alone", "stag_pays_more", "hare_is_safer",
    ),
    "storage_commons": (
        "dear_charging_dominates", "dear_is_filled", "mild_stays_empty", "mild_is_a_dilemma", "cheap_is_wasteful",
    ),
    "ultimatum": ("taking_nothing_is_perfect", "taking_a_dollar_is", "fair_is_nash", "fairness_is_empty"),
    "weather": ("two_days", "it_settles", "fading", "not_yet"),
}  # fmt: skip

#: By program: the queries that answer with a number, and the number as printed.
NUMBERS: dict[str, dict[str, str]] = {
    # Voter 1 gets C, worth 0 to him. Voting for B first he gets B, worth 1; nobody else can gain.
    "agenda": {"regret": "1"},
    "battle_of_the_sexes": {"meet": "4/9", "fair": "2/3"},
    # A wimp who drinks beer is left alone: 2 instead of 1, and he is one in ten.
    "beer_quiche": {"informed": "9/10", "told": "1", "envy": "1/10"},
    "centipede": {"pile": "1/2 $", "dreamed": "8 $"},
    "chicken": {"collide": "1/100"},
    # Against 2 the best reply is 3 or 4, both worth 12 $ instead of 10 $, to either firm.
    "cournot": {"market": "6 $/barrel", "earned": "9 $", "greed": "4 $"},
    # (1 - (3/2)^2) / (1 - (3/2)^6) = 80/665 = 16/133 = 0.120301 (Feller I, XIV.2, formula 2.4).
    "gamblers_ruin": {"riches": "about 0.120301", "ruin": "about 0.879699", "limit": "16/133"},
    # Kuhn (1950): -1/18. P(J | bet) = (1/6) / (1/6 + 3/6).
    "kuhn_poker": {"value": "-1/18", "caught": "1/4"},
    # At 6 cars worth 0..6 come: on average 3; 7/11 of them, each at 1.5 * 3 - 6 = -1.5. Half of the mean 5 is lost.
    "lemons": {"gloom": "3 kUSD", "loss": "-21/22 kUSD", "traded": "1/11", "missed": "5/2 kUSD"},
    "matching_pennies": {"worth": "0", "cost_of_habit": "1/5"},
    "monty_hall": {"stay": "1/3", "switch": "2/3", "seen": "1/3", "fallen": "1/2"},
    "public_good": {"alone": "40 $", "best": "64 $"},
    # Defecting at once gives 5 + 0.49/0.51; trust gives 3/0.51. The difference is 4/51, for either player.
    "repeated_dilemma": {"temptation": "8/51"},
    "rock_paper_scissors": {"draw": "1/3", "greedy": "1/4"},
    # Mussa and Rosen (1978) with types 3 and 4, half each, and cost q^2/2: profit (6 - 2)/2 + (14 - 8)/2.
    "screening": {"profit": "5 $", "fooled": "9/2 $", "revealed": "1"},
    # Mean of the lower of two values uniform on 0..4: (16 + 9 + 4 + 1) / 25.
    "second_price": {"revenue": "6/5 $", "efficient": "1"},
    # Murphy (1998): P(W) = 0.6471, P(S | W) = 0.2781/0.6471 = 0.430, P(R | W) = 0.4581/0.6471 = 0.708.
    "sprinkler": {"damp": "6471/10000", "before": "3/10", "blame": "309/719", "excused": "99/509", "rained": "509/719"},
    "stackelberg": {"leads": "18 $", "follows": "9 $"},
    "stag_hunt": {"luck": "9/16"},
    "storage_commons": {"lost": "1 $"},
    "ultimatum": {"keeps": "9 $"},
    # 5/6 - 5/6 * 0.4^7; the mean number of sunny days sums this. P(rain, then sun) / P(sun) = 0.25 / 0.7.
    "weather": {"sunday": "25999/31250", "dry": "164959/31250", "recall": "5/14"},
}

#: By program and query: how many pure and mixed equilibria there are, and what they pay, sorted.
EQUILIBRIA: dict[tuple[str, str], tuple[int, int, list[tuple[str, ...]]]] = {
    ("battle_of_the_sexes", "nash"): (2, 1, [("1", "2"), ("2", "1"), ("2/3", "2/3")]),
    ("chicken", "nash"): (2, 1, [("-1", "1"), ("-1/10", "-1/10"), ("1", "-1")]),
    ("cournot", "nash"): (3, 0, [("12", "6"), ("6", "12"), ("9", "9")]),
    ("matching_pennies", "nash"): (0, 1, [("0", "0")]),
    ("public_good", "nash"): (1, 0, [("10", "10", "10", "10")]),
    ("rock_paper_scissors", "nash"): (0, 1, [("0", "0")]),
    ("stag_hunt", "nash"): (2, 1, [("3", "3"), ("3", "3"), ("4", "4")]),
    ("storage_commons", "dear"): (1, 0, [("2", "2")]),
    ("storage_commons", "even"): (4, 0, [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]),
    ("storage_commons", "mild"): (1, 0, [("0", "0")]),
    ("storage_commons", "cheap"): (1, 0, [("0", "0")]),
}
