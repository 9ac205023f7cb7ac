"""The whole pipeline once, on a generated song; `make demo`."""
