"""Write what is generated for charts: schema, reference page, template of changed keys: `python -m tools.charts [CHART…]`."""

from __future__ import annotations

import sys

from signalbox.errors import InputError
from tools.charts import PAGES, charts
from tools.charts.changes import PLACE, template_file
from tools.charts.reference import page
from tools.charts.schema import schema_file
from tools.charts.vendor import vendor


def main(names: list[str]) -> int:
    """Write the files of the charts named, or of all; 2 when a values.yaml is wrong."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for chart in charts(names):
        try:
            schema, reference = schema_file(chart), page(chart)
        except InputError as error:
            sys.stderr.write(f"charts/{chart.name}/values.yaml: {error}\n")
            return 2
        vendor(chart)
        (chart / "values.schema.json").write_text(schema, encoding="utf-8")
        (PAGES / f"{chart.name}.md").write_text(reference, encoding="utf-8")
        (chart / PLACE).parent.mkdir(exist_ok=True)
        (chart / PLACE).write_text(template_file(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
