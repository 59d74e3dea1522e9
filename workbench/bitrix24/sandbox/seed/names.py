"""Names that the seeded people and companies are made of."""

WOMEN = (
    "Camille", "Léa", "Manon", "Chloé", "Inès", "Jade", "Louise", "Alice", "Lina", "Emma", "Zoé",
    "Juliette", "Clara", "Anaïs", "Élise", "Margaux", "Sarah", "Nora", "Mathilde", "Hélène",
    "Aïcha", "Solène", "Maëlle", "Yasmine", "Océane", "Capucine", "Agathe", "Eugénie",
)  # fmt: skip
MEN = (
    "Hugo", "Louis", "Jules", "Adam", "Arthur", "Raphaël", "Paul", "Lucas", "Gabriel", "Noé",
    "Théo", "Malo", "Antoine", "Karim", "Étienne", "François", "Loïc", "Baptiste", "Rémi", "Yann",
    "Mehdi", "Bastien", "Gaël", "Cédric", "Benoît", "Mathis", "Jérôme", "Noël",
)  # fmt: skip
FAMILIES = (
    "Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau",
    "Laurent", "Simon", "Michel", "Lefèvre", "Leroy", "Roux", "David", "Bertrand", "Morel",
    "Fournier", "Girard", "Bonnet", "Dupont", "Lambert", "Fontaine", "Rousseau", "Vincent",
    "Muller", "Faure", "André", "Mercier", "Blanc", "Guérin", "Boyer", "Garnier", "Chevalier",
    "François", "Legrand", "Gauthier", "Garcia", "Perrin", "Robin", "Clément", "Morin", "Nicolas",
    "Henry", "Roussel", "Mathieu", "Gautier", "Masson", "Marchand", "Duval", "Denis", "Dumont",
    "Marie", "Lemaire", "Noël", "Meyer", "Dufour", "Meunier", "Brun", "Blanchard", "Giraud",
    "Joly", "Rivière", "Lucas", "Brunet", "Gaillard", "Barbier", "Arnaud", "Martínez", "Gérard",
    "Roche", "Renard", "Schmitt", "Roy", "Colin", "Vidal", "Caron", "Picard", "Roger", "Fabre",
    "Aubert", "Lemoine", "Renaud", "Dumas", "Lacroix", "Olivier", "Philippe", "Bourgeois",
    "Pierre", "Benoît", "Rey", "Leclerc", "Payet", "Rolland", "Leclercq", "Guillaume", "Lecomte",
    "Le Goff", "N’Diaye", "O’Brien", "Benali", "Nguyen", "Traoré", "Da Silva", "Kervella",
)  # fmt: skip
FORMS = (
    "Groupe {}", "Cabinet {}", "{} & Associés", "Ateliers {}", "{} Conseil", "Clinique {}",
    "Hôtel {}", "{} Industrie", "Études {}", "{} Logistique", "Mutuelle {}", "Laboratoires {}",
    "Imprimerie {}", "{} Santé", "École {}", "{} Immobilier", "Banque {}", "{} Numérique",
    "Transports {}", "Maison {}",
)  # fmt: skip
FRENCH_CITIES = (
    "Paris", "Lyon", "Marseille", "Toulouse", "Nantes", "Lille", "Bordeaux", "Rennes", "Reims",
    "Grenoble", "Dijon", "Angers", "Nîmes", "Clermont-Ferrand", "Le Havre", "Saint-Étienne",
    "Tours", "Limoges", "Amiens", "Annecy", "Metz", "Brest", "Besançon", "Orléans", "Mulhouse",
    "Rouen", "Caen", "Nancy", "Pau", "La Rochelle",
)  # fmt: skip
SWISS_CITIES = ("Genève", "Lausanne", "Neuchâtel", "Fribourg", "Sion", "Bienne")
POSTS = (
    "Responsable des services généraux", "Directrice administrative", "Office manager",
    "Acheteur", "Directeur immobilier", "Responsable travaux", "Architecte d’intérieur", "Gérante",
)  # fmt: skip
ARCHITECTS = (
    "Atelier Nord", "Studio Pierre & Bois", "Agence Rivage", "Cabinet Hélios",
    "Les Ateliers du Pont",
)  # fmt: skip
SUBJECTS = (
    "Éclairage open space", "Mobilier salle de réunion", "Aménagement plateau",
    "Postes assis-debout",
    "Cabines acoustiques", "Relamping LED", "Siège social", "Accueil et showroom",
    "Espace de pause",
    "Bureaux de direction", "Salle de formation", "Flex office",
)  # fmt: skip
ACCENTS = str.maketrans("éèêëàâîïôûùçÉÈÊÀÎÔÛÇíá’ &", "eeeeaaiiouucEEEAIOUCia---")
