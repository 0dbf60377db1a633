"""What the sandbox's shelves hold, as data: sorts of food, their words in five languages, brands.

Every brand is invented. How a product is put together from this stands in `products.py`.
"""

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "fr", "de", "it", "es"]
Shape = Literal["box", "bag", "can", "bottle", "jar"]
Motif = Literal[
    "biscuit",
    "grain",
    "leaf",
    "cube",
    "berry",
    "drop",
    "citrus",
    "pasta",
    "chip",
    "nut",
    "bean",
    "bramble",
]

LANGUAGES: tuple[Language, ...] = ("en", "fr", "de", "it", "es")

COUNTRIES: dict[Language, tuple[str, ...]] = {
    "en": ("United Kingdom", "United States", "Ireland"),
    "fr": ("France", "Belgium", "Switzerland"),
    "de": ("Germany", "Austria", "Switzerland"),
    "it": ("Italy",),
    "es": ("Spain", "Mexico"),
}

BRANDS = (
    "Norvella", "Tamberlune", "Okkaria", "Bramquist", "Pellumo", "Hesterwyn", "Quillmoor",
    "Zantelo", "Marivonne", "Grubelein", "Fennimond", "Castarella", "Ildebruno", "Wobblecombe",
    "Solveranza", "Petitmoulard", "Kornwinkel", "Dolcemarra", "Vallonette", "Thistlegate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of food: how it is packed, drawn, called, made, and what is in 100 g of it.

    `hues` are degrees on the colour wheel; `food` is the colour of the food as drawn; `per_100`
    holds grams of fat, saturates, carbohydrate, sugars, protein and salt; `names` and `categories`
    are in the order of `LANGUAGES`, and from broad to narrow.
    """

    names: tuple[str, str, str, str, str]
    categories: tuple[str, ...]
    shapes: tuple[Shape, ...]
    motif: Motif
    food: str
    hues: tuple[int, ...]
    quantities: tuple[str, ...]
    ingredients: tuple[str, ...]
    per_100: tuple[float, float, float, float, float, float]


SORTS: tuple[Sort, ...] = (
    Sort(
        ("Butter Shortbread", "Sablés au beurre", "Butterkekse", "Biscotti al burro",
         "Galletas de mantequilla"),
        ("Snacks", "Sweet snacks", "Biscuits and cakes", "Biscuits"),
        ("box", "bag"), "biscuit", "#cf9a52", (212, 8, 44), ("150 g", "200 g", "250 g"),
        ("wheat flour", "butter", "sugar", "egg", "raising agent", "salt"),
        (22.0, 13.5, 64.0, 24.0, 6.4, 0.6),
    ),
    Sort(
        ("Crunchy Muesli", "Muesli croustillant", "Knusper-Müsli", "Muesli croccante",
         "Muesli crujiente"),
        ("Breakfasts", "Cereals and potatoes", "Breakfast cereals", "Mueslis"),
        ("box", "bag"), "grain", "#d9a94e", (28, 96, 200), ("375 g", "500 g", "750 g"),
        ("oat flakes", "sugar", "sunflower oil", "raisins", "hazelnuts", "honey", "salt"),
        (15.0, 2.4, 62.0, 19.0, 9.8, 0.2),
    ),
    Sort(
        ("Evening Herbs", "Tisane du soir", "Abendkräuter", "Tisana della sera",
         "Infusión de noche"),
        ("Beverages", "Hot beverages", "Teas", "Herbal teas"),
        ("box",), "leaf", "#6f9a4c", (128, 164, 278), ("20 x 2 g", "25 x 1.5 g"),
        ("lemon balm", "mint", "camomile flowers", "fennel"),
        (0.1, 0.0, 0.3, 0.1, 0.1, 0.0),
    ),
    Sort(
        ("Dark Chocolate", "Chocolat noir", "Zartbitterschokolade", "Cioccolato fondente",
         "Chocolate negro"),
        ("Snacks", "Sweet snacks", "Chocolates", "Dark chocolates"),
        ("box",), "cube", "#5b3420", (348, 22, 190), ("100 g", "125 g"),
        ("cocoa mass", "sugar", "cocoa butter", "lecithin"),
        (41.0, 25.0, 36.0, 29.0, 8.1, 0.03),
    ),
    Sort(
        ("Red Berry Jam", "Confiture fruits rouges", "Beerenkonfitüre", "Confettura di bosco",
         "Confitura frutos rojos"),
        ("Spreads", "Sweet spreads", "Fruit preserves", "Jams"),
        ("jar",), "bramble", "#b3203a", (346, 8, 300), ("250 g", "370 g"),
        ("raspberries", "strawberries", "sugar", "pectin", "lemon juice"),
        (0.3, 0.1, 58.0, 56.0, 0.6, 0.02),
    ),
    Sort(
        ("Blossom Honey", "Miel de fleurs", "Blütenhonig", "Miele di fiori", "Miel de flores"),
        ("Breakfasts", "Spreads", "Sweet spreads", "Honeys"),
        ("jar",), "drop", "#e0981f", (42, 30, 84), ("250 g", "500 g"),
        ("honey",),
        (0.0, 0.0, 81.0, 80.0, 0.4, 0.01),
    ),
    Sort(
        ("Tomato Soup", "Soupe à la tomate", "Tomatensuppe", "Zuppa di pomodoro",
         "Sopa de tomate"),
        ("Meals", "Soups", "Vegetable soups", "Tomato soups"),
        ("can",), "berry", "#d2402a", (6, 110, 220), ("400 g", "800 g"),
        ("tomatoes", "water", "onions", "sunflower oil", "sugar", "salt", "basil"),
        (1.9, 0.3, 6.1, 4.8, 1.1, 0.7),
    ),
    Sort(
        ("Orange Juice", "Jus d'orange", "Orangensaft", "Succo d'arancia", "Zumo de naranja"),
        ("Beverages", "Fruit-based beverages", "Juices", "Orange juices"),
        ("bottle",), "citrus", "#f08c1a", (32, 98, 14), ("330 ml", "750 ml", "1 l"),
        ("orange juice",),
        (0.1, 0.0, 9.4, 8.6, 0.7, 0.01),
    ),
    Sort(
        ("Lemon Soda", "Limonade citron", "Zitronenlimonade", "Gassosa al limone",
         "Gaseosa de limón"),
        ("Beverages", "Carbonated drinks", "Sodas", "Lemonades"),
        ("bottle", "can"), "citrus", "#e9cf2c", (58, 140, 196), ("330 ml", "500 ml"),
        ("water", "sugar", "lemon juice", "carbon dioxide", "citric acid"),
        (0.0, 0.0, 7.2, 7.1, 0.0, 0.02),
    ),
    Sort(
        ("Penne", "Penne", "Penne-Nudeln", "Penne rigate", "Macarrones"),
        ("Cereals and potatoes", "Pastas", "Dry pastas", "Penne"),
        ("bag", "box"), "pasta", "#e9c46a", (214, 356, 150), ("500 g", "1 kg"),
        ("durum wheat semolina", "water"),
        (1.6, 0.4, 71.0, 3.3, 12.5, 0.01),
    ),
    Sort(
        ("Sea Salt Crisps", "Chips au sel marin", "Chips mit Meersalz", "Patatine al sale",
         "Patatas fritas"),
        ("Snacks", "Salty snacks", "Appetizers", "Crisps"),
        ("bag",), "chip", "#ecc255", (206, 352, 46), ("125 g", "150 g", "175 g"),
        ("potatoes", "sunflower oil", "salt"),
        (33.0, 3.1, 52.0, 0.9, 6.3, 1.2),
    ),
    Sort(
        ("Roasted Nuts", "Noix grillées", "Geröstete Nüsse", "Noci tostate", "Nueces tostadas"),
        ("Plant-based foods", "Snacks", "Nuts and their products", "Mixed nuts"),
        ("bag", "can"), "nut", "#b9793d", (160, 24, 230), ("125 g", "200 g"),
        ("hazelnuts", "cashew nuts", "almonds", "sunflower oil", "salt"),
        (54.0, 6.2, 14.0, 5.0, 20.0, 0.9),
    ),
    Sort(
        ("Chickpeas", "Pois chiches", "Kichererbsen", "Ceci", "Garbanzos"),
        ("Plant-based foods", "Canned foods", "Legumes", "Chickpeas"),
        ("can", "jar"), "bean", "#d8b26a", (90, 36, 184), ("265 g", "400 g"),
        ("chickpeas", "water", "salt"),
        (2.4, 0.3, 16.0, 0.8, 7.2, 0.5),
    ),
    Sort(
        ("Ground Coffee", "Café moulu", "Gemahlener Kaffee", "Caffè macinato", "Café molido"),
        ("Beverages", "Hot beverages", "Coffees", "Ground coffees"),
        ("bag",), "bean", "#4a2c1a", (18, 350, 200), ("250 g", "500 g"),
        ("coffee",),
        (0.1, 0.0, 0.2, 0.0, 0.2, 0.0),
    ),
)  # fmt: skip

# The English word is the key; the others follow in the order of LANGUAGES.
INGREDIENTS: dict[str, tuple[str, str, str, str]] = {
    "almonds": ("amandes", "Mandeln", "mandorle", "almendras"),
    "basil": ("basilic", "Basilikum", "basilico", "albahaca"),
    "butter": ("beurre", "Butter", "burro", "mantequilla"),
    "camomile flowers": ("fleurs de camomille", "Kamillenblüten", "fiori di camomilla",
                         "flores de manzanilla"),
    "carbon dioxide": ("gaz carbonique", "Kohlensäure", "anidride carbonica", "gas carbónico"),
    "cashew nuts": ("noix de cajou", "Cashewkerne", "anacardi", "anacardos"),
    "chickpeas": ("pois chiches", "Kichererbsen", "ceci", "garbanzos"),
    "citric acid": ("acide citrique", "Citronensäure", "acido citrico", "ácido cítrico"),
    "cocoa butter": ("beurre de cacao", "Kakaobutter", "burro di cacao", "manteca de cacao"),
    "cocoa mass": ("pâte de cacao", "Kakaomasse", "pasta di cacao", "pasta de cacao"),
    "coffee": ("café", "Kaffee", "caffè", "café"),
    "durum wheat semolina": ("semoule de blé dur", "Hartweizengriess", "semola di grano duro",
                             "sémola de trigo duro"),
    "egg": ("oeufs", "Eier", "uova", "huevo"),
    "fennel": ("fenouil", "Fenchel", "finocchio", "hinojo"),
    "hazelnuts": ("noisettes", "Haselnüsse", "nocciole", "avellanas"),
    "honey": ("miel", "Honig", "miele", "miel"),
    "lecithin": ("lécithine", "Lecithin", "lecitina", "lecitina"),
    "lemon balm": ("mélisse", "Melisse", "melissa", "melisa"),
    "lemon juice": ("jus de citron", "Zitronensaft", "succo di limone", "zumo de limón"),
    "mint": ("menthe", "Minze", "menta", "menta"),
    "oat flakes": ("flocons d'avoine", "Haferflocken", "fiocchi d'avena", "copos de avena"),
    "onions": ("oignons", "Zwiebeln", "cipolle", "cebolla"),
    "orange juice": ("jus d'orange", "Orangensaft", "succo d'arancia", "zumo de naranja"),
    "pectin": ("pectine", "Pektin", "pectina", "pectina"),
    "potatoes": ("pommes de terre", "Kartoffeln", "patate", "patatas"),
    "raisins": ("raisins secs", "Rosinen", "uvetta", "pasas"),
    "raising agent": ("poudre à lever", "Backtriebmittel", "agente lievitante", "gasificante"),
    "raspberries": ("framboises", "Himbeeren", "lamponi", "frambuesas"),
    "salt": ("sel", "Salz", "sale", "sal"),
    "strawberries": ("fraises", "Erdbeeren", "fragole", "fresas"),
    "sugar": ("sucre", "Zucker", "zucchero", "azúcar"),
    "sunflower oil": ("huile de tournesol", "Sonnenblumenöl", "olio di girasole",
                      "aceite de girasol"),
    "tomatoes": ("tomates", "Tomaten", "pomodori", "tomates"),
    "water": ("eau", "Wasser", "acqua", "agua"),
    "wheat flour": ("farine de blé", "Weizenmehl", "farina di frumento", "harina de trigo"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wording:
    """The fixed words on a package in one language; `nutrients` follow the order of `per_100`."""

    nutrition: str
    per_100: str
    energy: str
    nutrients: tuple[str, str, str, str, str, str]
    ingredients: str
    traces: str
    keep: str
    claims: tuple[str, ...]


WORDINGS: dict[Language, Wording] = {
    "en": Wording(
        "Nutrition Information", "per 100", "Energy",
        ("Fat", "of which saturates", "Carbohydrate", "of which sugars", "Protein", "Salt"),
        "Ingredients", "May contain traces of nuts and milk.", "Store in a cool, dry place.",
        ("Made with care", "New recipe", "Family size", "No palm oil"),
    ),
    "fr": Wording(
        "Valeurs nutritionnelles", "pour 100", "Énergie",
        ("Matières grasses", "dont acides gras saturés", "Glucides", "dont sucres", "Protéines",
         "Sel"),
        "Ingrédients", "Traces éventuelles de fruits à coque et de lait.",
        "À conserver au frais et au sec.",
        ("Sans huile de palme", "Recette nouvelle", "Riche en goût", "Sans colorant"),
    ),
    "de": Wording(
        "Nährwertangaben", "je 100", "Energie",
        ("Fett", "davon gesättigte Fettsäuren", "Kohlenhydrate", "davon Zucker", "Eiweiss", "Salz"),
        "Zutaten", "Kann Spuren von Nüssen und Milch enthalten.", "Kühl und trocken lagern.",
        ("Ohne Palmöl", "Neue Rezeptur", "Aus der Region", "Mit viel Liebe"),
    ),
    "it": Wording(
        "Valori nutrizionali", "per 100", "Energia",
        ("Grassi", "di cui acidi grassi saturi", "Carboidrati", "di cui zuccheri", "Proteine",
         "Sale"),
        "Ingredienti", "Può contenere tracce di frutta a guscio e latte.",
        "Conservare in luogo fresco e asciutto.",
        ("Senza olio di palma", "Nuova ricetta", "Fatto con cura", "Più gusto"),
    ),
    "es": Wording(
        "Información nutricional", "por 100", "Energía",
        ("Grasas", "de las cuales saturadas", "Hidratos de carbono", "de los cuales azúcares",
         "Proteínas", "Sal"),
        "Ingredientes", "Puede contener trazas de frutos de cáscara y leche.",
        "Conservar en lugar fresco y seco.",
        ("Sin aceite de palma", "Nueva receta", "Hecho con mimo", "Más sabor"),
    ),
}  # fmt: skip
