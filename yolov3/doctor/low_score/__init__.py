"""Why a model scores low on data: the usual mistakes, undone one at a time. Changes nothing."""
