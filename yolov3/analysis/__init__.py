"""Why a model is as good as it is: which errors cost what, where, and how sure that is. Knows no network and no page."""
