"""Write the generated files of charts, copies of libraries, schema and README: `python -m tools.charts [CHART…]`."""

from __future__ import annotations

import sys

from signalbox.errors import InputError
from tools.charts import charts
from tools.charts.reference import readme
from tools.charts.schema import schema_file
from tools.charts.vendor import vendor


def main(names: list[str]) -> int:
    """Write the files of the charts with these names, or of all; 2 if a values.yaml is wrong."""
    for chart in charts(names):
        try:
            schema, text = schema_file(chart), readme(chart)
        except InputError as error:
            sys.stderr.write(f"charts/{chart.name}/values.yaml: {error}\n")
            return 2
        vendor(chart)
        (chart / "values.schema.json").write_text(schema, encoding="utf-8")
        (chart / "README.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
