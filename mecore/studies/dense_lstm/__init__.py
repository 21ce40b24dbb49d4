"""Dense LSTM spotting (Tran et al. 2019)."""
