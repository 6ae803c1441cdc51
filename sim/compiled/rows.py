"""The state of a run as machine code sees it: a list of addresses, and rows behind them.

To Numba an array is seven numbers; a function that is handed forty arrays takes longer to compile
than to write. Here the whole state is one pointer, to the list of where its tables begin.
``s.frames`` is the address of a table, and ``s.frames[number]`` the record in that row, whose
fields are read and set by name, or the number in it where rows are plain numbers. Nobody counts
references, and nobody checks bounds: whoever hands out addresses keeps the arrays.
"""

import operator
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr as known_attributes
from numba.extending import (
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    type_callable,
)

_BYTE: Final = ir.IntType(8)
_WORD: Final = ir.IntType(64)


class RowsType(types.Type):
    """A table whose rows are ``item``.

    Args:
        item: Numba's type of a record or a number.
    """

    def __init__(self, item: Any) -> None:
        self.item = item
        super().__init__(name=f"rows({item})")


class TablesType(types.Type):
    """A list of addresses.

    Args:
        name: of the type.
        parts: by attribute: its place in the list, and its type, that of a table or of a list
            of addresses which begins there.
    """

    def __init__(self, name: str, parts: Mapping[str, tuple[int, Any]]) -> None:
        self.parts = parts
        super().__init__(name=name)


class _PointerModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _BYTE.as_pointer())


register_model(RowsType)(_PointerModel)
register_model(TablesType)(_PointerModel)


def rows_of(dtype: "np.dtype[Any]") -> RowsType:
    """Return the type of a table of such rows."""
    return RowsType(from_dtype(dtype))


def tables_at(kind: TablesType) -> Any:
    """Return a function for machine code that takes the address of a list for the list."""

    @intrinsic
    def at(_typing: Any, address: Any) -> Any:
        def pointer(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], _BYTE.as_pointer())

        return kind(address), pointer

    return at


@known_attributes
class _Parts(AttributeTemplate):
    key = TablesType

    def generic_resolve(self, tables: TablesType, name: str) -> Any:  # type: ignore[override]  # meant to be
        part = tables.parts.get(name)
        return None if part is None else part[1]


@lower_getattr_generic(TablesType)
def _part(_context: Any, builder: Any, tables: TablesType, pointer: Any, name: str) -> Any:
    place, kind = tables.parts[name]
    here = builder.gep(pointer, [ir.Constant(_WORD, 8 * place)])
    if isinstance(kind, TablesType):
        return here
    address = builder.load(builder.bitcast(here, _WORD.as_pointer()))
    # While machine code runs nobody moves a table, whatever else it writes.
    address.set_metadata("invariant.load", builder.module.add_metadata([]))
    return builder.inttoptr(address, _BYTE.as_pointer())


@type_callable(operator.getitem)
def _type_of_item(_context: Any) -> Any:
    def typed(rows: Any, number: Any) -> Any:
        if isinstance(rows, RowsType) and isinstance(number, types.Integer):
            return rows.item
        return None

    return typed


@type_callable(operator.setitem)
def _type_of_setting(_context: Any) -> Any:
    def typed(rows: Any, number: Any, value: Any) -> Any:  # noqa: ARG001  # as setitem has it
        if isinstance(rows, RowsType) and isinstance(number, types.Integer):
            return types.none
        return None

    return typed


def _place(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
    """Return where a row is, as a pointer to a record or a number."""
    item = kinds[0].item
    number = context.cast(builder, arguments[1], kinds[1], types.intp)
    if isinstance(item, types.Record):
        width, pointer = item.size, context.get_value_type(item)
    else:
        stored = context.get_data_type(item)
        width, pointer = context.get_abi_sizeof(stored), stored.as_pointer()
    offset = builder.mul(number, ir.Constant(number.type, width))
    return builder.bitcast(builder.gep(arguments[0], [offset]), pointer)


@lower_builtin(operator.getitem, RowsType, types.Integer)
def _get(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    item = signature.args[0].item
    place = _place(context, builder, signature.args, arguments)
    if isinstance(item, types.Record):
        return place
    return context.unpack_value(builder, item, place)


@lower_builtin(operator.setitem, RowsType, types.Integer, types.Any)
def _set(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    rows, _, given = signature.args
    place = _place(context, builder, signature.args, arguments)
    value = context.cast(builder, arguments[2], given, rows.item)
    context.pack_value(builder, rows.item, value, place)
    return context.get_dummy_value()
