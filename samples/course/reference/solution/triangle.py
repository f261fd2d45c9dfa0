base = 6
height = 4.5


def area_of(base, height):
    if base < 0 or height < 0:
        raise ValueError("a side is never below zero")
    return base * height / 2


def halvings(area, limit):
    count = 0
    while area > limit:
        area = area / 2
        count += 1
    return count


area = area_of(base, height)

if __name__ == "__main__":
    print(f"area={area:.2f}")
