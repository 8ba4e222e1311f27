"""CometBFT's ABCI messages, generated from its own ``.proto`` files by ``make abci-protos``; nothing here by hand."""
