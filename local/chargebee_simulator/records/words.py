"""Names and places for the made-up company: several scripts, and text that is hard on a CSV reader."""

FIRST_NAMES = (
    "Ada", "Björn", "Chloé", "Dmitri", "Élodie", "François", "Grażyna", "Hélène", "İpek", "João",
    "Kateřina", "Łukasz", "María José", "Nguyễn", "Øystein", "Priya", "Quentin", "Renée", "Søren", "Thị Mai",
    "Ümit", "Valentina", "Wei", "Xóchitl", "Yūko", "Zoë", "山田", "李", "Ольга", "Νίκος",
)  # fmt: skip
LAST_NAMES = (
    "Lovelace", "O'Neill", "Müller", "García Márquez", "Dvořák", "Smith, Jr.", "van der Berg", "Ørsted",
    'Johnson "Jack"', "D'Souza", "Åkesson", "太郎", "伟", "Петрова", "Παπαδόπουλος", "Nguyễn", "Schäfer", "Żółć",
    "Kaya", "MacDonald",
)  # fmt: skip
COMPANIES = (
    "Acme", "Globex", "Initech", "Umbrella", "Soylent", "Hooli", "Vandelay", "Wayne", "Stark", "Tyrell",
    "Cyberdyne", "Wonka", "Duff", "Oscorp", "Gringotts",
)  # fmt: skip
COMPANY_FORMS = (" Inc.", ", LLC", " GmbH & Co. KG", " S.A.", " Ltd", ' "Labs"', " 株式会社", " Oy")
STREETS = ("Main St.", "Rue de l'Église", "Königstraße", "Calle Mayor, 2º izq.", "Nowy Świat", "Elm Avenue", "桜通り")
PLACES = (
    ("New York", "NY", "US", "10001"), ("Paris", "", "FR", "75004"), ("Zürich", "ZH", "CH", "8001"),
    ("São Paulo", "SP", "BR", "01310-100"), ("Kraków", "", "PL", "30-001"), ("東京", "", "JP", "100-0001"),
    ("Bengaluru", "KA", "IN", "560001"), ("Malmö", "", "SE", "211 20"), ("Boston", "MA", "US", "02108"),
    ("Αθήνα", "", "GR", "105 57"),
)  # fmt: skip
LOCALES = ("en-US", "fr-FR", "de-CH", "pt-BR", "pl", "ja", "en-IN", "sv", "en-US", "el")
CURRENCIES = ("USD", "EUR")
NOTES = (
    "Prefers e-mail",
    'Said: "call me back", twice',
    "First line\nsecond line, with a comma",
    "Windows line\r\nend",
    "Semicolons; tabs\tand a trailing space ",
    '=HYPERLINK("https://example.com")',
    'Emoji \N{ROCKET} and a lone quote "',
    "",
)
SEGMENTS = ("smb", "mid-market", "enterprise")
PRODUCTS = ("Analytics", "Storage", "Messaging", "Billing", "Support", "Insights", "Identity", "Search")
OFFLINE_METHODS = ("no_preference", "bank_transfer", "check", "ach_credit", "sepa_credit")
CHANNELS = ("web", "web", "web", "app_store", "play_store")
ENTITIES = (None, None, "be_europe", "be_america")
