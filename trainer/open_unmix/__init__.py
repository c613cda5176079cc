"""Open-Unmix (Stöter, Uhlich, Liutkus and Mitsufuji, JOSS 2019): the rival, written anew from its description."""
