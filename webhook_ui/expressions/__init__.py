"""JMESPath, the language of filters and templates: what is written wrong is explained, what is evaluated is bounded.

Why JMESPath: it is a specification with a compliance suite and a well-kept library, it knows no loops and no I/O,
operators know it from the AWS CLI, and one language does for filters and for shapes. The library's own interpreter
knows no bounds (`[@,@] | [@,@] | …` doubles what it holds with each step), so `evaluating` counts.
"""

from webhook_ui.expressions.documents import ROOTS, Document
from webhook_ui.expressions.evaluating import FUNCTIONS, Evaluation, Unevaluable, is_true
from webhook_ui.expressions.parsing import LONGEST, Expression, Fault, conjuncts, parse

__all__ = [
    "FUNCTIONS",
    "LONGEST",
    "ROOTS",
    "Document",
    "Evaluation",
    "Expression",
    "Fault",
    "Unevaluable",
    "conjuncts",
    "is_true",
    "parse",
]
