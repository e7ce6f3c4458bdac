"""The read side: lists, filters, one delivery with its attempts, figures. Nothing is changed here."""
